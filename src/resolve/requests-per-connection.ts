import type { Protocol } from '../model/policy.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { isHttp } from '../model/service.ts';

/**
 * A program that closes idle HTTP/1 connections races with the proxy's pool, and a caller with its own connection never sees that:
 * so one request for each connection (R13, docs/decisions/25). HTTP/2 says goodbye properly, and its declared ports keep their connections.
 */
export function requestsPerConnection(protocol: Protocol): Decided<number> | undefined {
  return isHttp(protocol) && protocol !== 'http2' && protocol !== 'grpc' ? byDefault(1, 'R13') : undefined;
}
