import { nearestName } from '../../model/nearest-name.ts';
import type { Fault, Retries } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { present } from './common.ts';
import type { fault, retries } from './http-shape.ts';

const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

/** P16: `attempts` counts retries; `{}` and 0 switch them off. */
export function lowerRetries(written: Infer<typeof retries>, path: string, context: LowerContext): Retries {
  const { attempts, perTryTimeout, retryOn } = written;
  for (const [name, value] of Object.entries({ perTryTimeout, retryOn })) {
    if (value === undefined || (attempts ?? 0) > 0) continue;
    if (attempts === 0)
      context.report('WEFT0137', `${path}.${name}`, `attempts 0 and ${name} exclude each other`, 'keep one');
    else context.report('WEFT0002', path, `expected "attempts" beside ${name}, which is required`, 'add attempts');
  }
  const conditions = retryOn?.split(',').map((word) => word.trim());
  for (const word of conditions ?? []) {
    if (retryConditions.includes(word) || /^[1-5]\d\d$/.test(word)) continue;
    const near = nearestName(word, retryConditions);
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : `known: status codes, ${retryConditions.join(', ')}`;
    context.report('WEFT0002', `${path}.retryOn`, `expected retry conditions, got ${JSON.stringify(word)}`, hint);
  }
  return present<Retries>({ attempts: attempts ?? 0, perTryTimeout, retryOn: conditions });
}

/** The codes of gRPC by number. */
const grpcStatuses = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** P17: a fault without a percentage never fires. */
export function lowerFault(written: Infer<typeof fault>, path: string, context: LowerContext): Fault {
  const { delay, abort } = written;
  if (delay?.percent !== undefined) context.place(`${path}.delay.percentage`, `${path}.delay.percent`);
  if (abort?.percent !== undefined) context.place(`${path}.abort.percentage`, `${path}.abort.percent`);
  return present<Fault>({
    delay: delay && { fixedDelay: delay.fixedDelay, percentage: delay.percentage?.value ?? delay.percent ?? 0 },
    abort: abort && lowerAbort(abort, `${path}.abort`, context),
  });
}

function lowerAbort(
  abort: NonNullable<Infer<typeof fault>['abort']>,
  path: string,
  context: LowerContext,
): NonNullable<Fault['abort']> {
  if (abort.httpStatus === undefined && abort.grpcStatus === undefined) {
    context.report('WEFT0002', path, 'expected "httpStatus" or "grpcStatus", which is required', 'add httpStatus');
  }
  const word = abort.grpcStatus?.toUpperCase();
  const number = word === undefined ? -1 : /^\d+$/.test(word) ? Number(word) : grpcStatuses.indexOf(word);
  if (word !== undefined && (number < 0 || number >= grpcStatuses.length)) {
    const near = nearestName(word, grpcStatuses);
    const message = `expected a status of gRPC, got ${JSON.stringify(abort.grpcStatus)}`;
    context.report(
      'WEFT0002',
      `${path}.grpcStatus`,
      message,
      near ? `did you mean ${JSON.stringify(near)}?` : 'write UNAVAILABLE or such',
    );
  }
  return present<NonNullable<Fault['abort']>>({
    httpStatus: abort.httpStatus,
    grpcStatus: word === undefined ? undefined : number,
    percentage: abort.percentage?.value ?? abort.percent ?? 0,
  });
}
