import type { ConnectionPoolDecision } from '../model/ir-destination.ts';
import type { Protocol } from '../model/policy.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { isHttp } from '../model/service.ts';

/**
 * A program that closes idle HTTP/1 connections races with the proxy's pool, and a caller with its own connection never sees that:
 * so one request for each connection (R13, docs/decisions/25), unless a Sidecar says how many. HTTP/2 says goodbye properly, and its
 * declared ports keep their connections.
 */
export function requestsPerConnection(
  protocol: Protocol,
  pool: Pick<ConnectionPoolDecision, 'maxRequestsPerConnection'> = {},
): Decided<number> | undefined {
  if (isHttp(protocol) && pool.maxRequestsPerConnection) return pool.maxRequestsPerConnection;
  return isHttp(protocol) && protocol !== 'http2' && protocol !== 'grpc' ? byDefault(1, 'R13') : undefined;
}
