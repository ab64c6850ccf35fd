import { isIP } from 'node:net';
import type { PathNormalization } from '../model/ir-mesh.ts';
import type { SeenCall } from './holds.ts';
import { type RefusedRequest, type SentRequest, seenRequest } from './seen-request.ts';

/** What a connection tells of its caller before any request; absent: not known, `null`: there is none. */
export type SeenConnection = Pick<
  SeenCall,
  'principal' | 'sourceAddress' | 'remoteAddress' | 'destinationAddress' | 'serverName' | 'claims'
>;

/** What rules see of a connection whose bytes nobody reads. */
export function seenBytes(connection: SeenConnection): SeenCall {
  const { sourceAddress } = connection;
  return sourceAddress === undefined ? connection : { remoteAddress: sourceAddress, ...connection };
}

/** What rules see of a request on a connection, or what Envoy 1.40 answers before it looks at any. */
export function seenCall(
  connection: SeenConnection,
  sent: SentRequest,
  normalization: PathNormalization,
): SeenCall | RefusedRequest {
  const seen = seenRequest(sent, normalization);
  if ('refused' in seen) return seen;
  const { method, authority, path } = seen;
  const headers = new Map(seen.headers);
  const saysScheme = sent.headers.some(([name]) => name.toLowerCase() === 'x-forwarded-proto');
  if (!saysScheme) headers.set('x-forwarded-proto', [typeof connection.principal === 'string' ? 'https' : 'http']);
  const told = toldAddress(headers.get('x-forwarded-for')?.join(','));
  return {
    ...seenBytes(connection),
    ...(told === undefined ? {} : { remoteAddress: told }),
    method,
    authority,
    path,
    headers,
  };
}

/** The last of `x-forwarded-for`, where it is an address: whoever calls may write it (docs/decisions/56). */
function toldAddress(header: string | undefined): string | undefined {
  const last = header?.split(',').at(-1)?.trim() ?? '';
  return isIP(last) === 0 ? undefined : last;
}
