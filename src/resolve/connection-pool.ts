import type { ConnectionPool } from '../model/destination-rule.ts';
import type { ConnectionPoolDecision } from '../model/ir-destination.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { type ActingBlock, decidedBy } from './effective.ts';
import type { MeshDefaults } from './mesh-defaults.ts';

const second = 1000;
/** D6: as many as the number can say. */
const unlimited = 2 ** 32 - 1;

/** D4 and D6 where nothing is written; a count of 0 is not written either (P26). */
export function poolDecision(
  block: ActingBlock<ConnectionPool> | undefined,
  settings: Pick<MeshDefaults, 'connectTimeout' | 'tcpKeepalive' | 'httpVersion'>,
): ConnectionPoolDecision {
  const { tcp = {}, http = {} } = block?.value ?? {};
  const written = <T>(value: T | undefined, field: string): Decided<T> | undefined =>
    block === undefined || value === undefined ? undefined : decidedBy(block, value, field);
  const count = (value: number | undefined, field: string) => written(value === 0 ? undefined : value, field);
  const tcpIdleTimeout = written(tcp.idleTimeout, 'tcp.idleTimeout');
  const maxConnectionDuration = written(tcp.maxConnectionDuration, 'tcp.maxConnectionDuration');
  const maxConcurrentStreams = count(http.maxConcurrentStreams, 'http.maxConcurrentStreams');
  const http2Keepalive = written(http.http2KeepAlive, 'http.http2KeepAlive');
  const httpVersion = http.useClientProtocol
    ? written('caller' as const, 'http.useClientProtocol')
    : http.h2Upgrade === undefined
      ? settings.httpVersion
      : written(http.h2Upgrade ? ('http2' as const) : ('caller' as const), 'http.h2UpgradePolicy');
  const maxRequestsPerConnection = count(http.maxRequestsPerConnection, 'http.maxRequestsPerConnection');
  const tcpKeepalive = keepaliveOf(written(tcp.tcpKeepalive, 'tcp.tcpKeepalive'), settings.tcpKeepalive);
  return {
    connectTimeout: written(tcp.connectTimeout, 'tcp.connectTimeout') ?? settings.connectTimeout,
    maxConnections: count(tcp.maxConnections, 'tcp.maxConnections') ?? byDefault(unlimited, 'D6'),
    maxPendingRequests:
      count(http.http1MaxPendingRequests, 'http.http1MaxPendingRequests') ?? byDefault(unlimited, 'D6'),
    maxRequests: count(http.http2MaxRequests, 'http.http2MaxRequests') ?? byDefault(unlimited, 'D6'),
    maxRetries: count(http.maxRetries, 'http.maxRetries') ?? byDefault(unlimited, 'D6'),
    // What is idle at the level of TCP is idle for HTTP too, unless HTTP has its own word for it.
    idleTimeout: written(http.idleTimeout, 'http.idleTimeout') ?? tcpIdleTimeout ?? byDefault(3600 * second, 'D4'),
    ...(tcpIdleTimeout && { tcpIdleTimeout }),
    ...(maxRequestsPerConnection && { maxRequestsPerConnection }),
    ...(maxConnectionDuration && { maxConnectionDuration }),
    ...(tcpKeepalive && { tcpKeepalive }),
    ...(httpVersion && { httpVersion }),
    ...(maxConcurrentStreams && { maxConcurrentStreams }),
    ...(http2Keepalive && { http2Keepalive }),
  };
}

type Keepalive = ConnectionPoolDecision['tcpKeepalive'];

/** What the rule leaves open of a keepalive stays as the mesh has it. */
function keepaliveOf(rule: Keepalive, mesh: Keepalive): Keepalive {
  if (rule === undefined || mesh === undefined) return rule ?? mesh;
  const also = 'default' in mesh.by ? (rule.also ?? []) : [...(rule.also ?? []), mesh.by];
  return { value: { ...mesh.value, ...rule.value }, by: rule.by, also };
}
