import type { DirectResponse } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { bytes, integer, object, text } from '../shape-builders.ts';
import { present } from './common.ts';

/** In bytes. Istio's limits: above the first it refuses, above the second it warns. */
const longest = 1024 * 1024;
const long = 100 * 1024;

export const directResponse = object(
  {
    status: integer(200, 600),
    body: object(
      { string: text('free', { allowEmpty: true }), bytes: bytes(longest) },
      { exclusive: [['string', 'bytes']] },
    ),
  },
  { required: ['status'] },
);

/** The answer of one rule at `path`: every proxy that calls the service holds its body. */
export function lowerDirectResponse(
  written: Infer<typeof directResponse>,
  path: string,
  context: LowerContext,
): DirectResponse {
  const { status, body } = written;
  if (status === 600) context.refuse(`${path}.status`, 'never', '600');
  const size = body?.bytes?.length ?? Buffer.byteLength(body?.string ?? '');
  const field = `${path}.body.${body?.bytes === undefined ? 'string' : 'bytes'}`;
  if (size > longest) {
    context.report('WEFT0002', field, `expected at most ${longest} bytes, got ${size}`, 'serve it from a workload');
  } else if (size > long) {
    const message = `body of ${size} bytes goes to every proxy that may call this service`;
    context.report('WEFT0133', field, message, 'serve it from a workload');
  }
  return present<DirectResponse>({ status, body: size === 0 ? undefined : lowerBody(body) });
}

function lowerBody(body: Infer<typeof directResponse>['body']): DirectResponse['body'] {
  if (body?.bytes !== undefined) return { base64: Buffer.from(body.bytes).toString('base64') };
  return body?.string === undefined ? undefined : { text: body.string };
}
