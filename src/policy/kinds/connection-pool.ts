import type { ConnectionPool } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import { bool, choice, count, duration, type Infer, integer, object } from '../shape.ts';
import { present } from './common.ts';

const millisecond = duration(1);
const int32 = integer(0, 2 ** 31 - 1);

/** Linux counts the probes of a keepalive in 7 bits and its seconds in 15: with more no connection comes to be. */
const mostProbes = 127;
const keepaliveTime = { least: 1000, most: 32_767_000 };

export const connectionPool = object(
  {
    tcp: object({
      maxConnections: int32,
      connectTimeout: millisecond,
      idleTimeout: duration(0),
      maxConnectionDuration: millisecond,
      tcpKeepalive: object({ probes: count, time: millisecond, interval: millisecond }),
    }),
    http: object({
      http1MaxPendingRequests: int32,
      http2MaxRequests: int32,
      maxRequestsPerConnection: int32,
      maxRetries: int32,
      idleTimeout: millisecond,
      h2UpgradePolicy: choice(['DEFAULT', 'DO_NOT_UPGRADE'], { refused: { UPGRADE: 'T1' } }),
      useClientProtocol: bool,
      maxConcurrentStreams: int32,
      http2KeepAlive: object({ interval: millisecond, timeout: millisecond }, { required: ['interval', 'timeout'] }),
    }),
  },
  { nonEmpty: true },
);

type Tcp = NonNullable<ConnectionPool['tcp']>;
type Http = NonNullable<ConnectionPool['http']>;

/** P26: 0 counts as unset for the integers of a pool. */
export function lowerConnectionPool(
  written: Infer<typeof connectionPool>,
  path: string,
  context: LowerContext,
): ConnectionPool {
  const { tcp, http } = written;
  return present<ConnectionPool>({
    tcp:
      tcp &&
      present<Tcp>({
        ...tcp,
        maxConnections: tcp.maxConnections || undefined,
        tcpKeepalive: tcp.tcpKeepalive && lowerKeepalive(tcp.tcpKeepalive, `${path}.tcp.tcpKeepalive`, context),
      }),
    http: http && lowerHttp(http),
  });
}

function lowerHttp(http: NonNullable<Infer<typeof connectionPool>['http']>): Http {
  return present<Http>({
    http1MaxPendingRequests: http.http1MaxPendingRequests || undefined,
    http2MaxRequests: http.http2MaxRequests || undefined,
    maxRequestsPerConnection: http.maxRequestsPerConnection || undefined,
    maxRetries: http.maxRetries || undefined,
    idleTimeout: http.idleTimeout,
    h2Upgrade: http.h2UpgradePolicy === 'DO_NOT_UPGRADE' ? false : undefined,
    useClientProtocol: http.useClientProtocol || undefined,
    maxConcurrentStreams: http.maxConcurrentStreams || undefined,
    http2KeepAlive: http.http2KeepAlive,
  });
}

type Keepalive = NonNullable<Tcp['tcpKeepalive']>;

/** Istio accepts numbers that the kernel refuses; they are brought within its limits, and that is told (WEFT0142). */
function lowerKeepalive(written: Keepalive, path: string, context: LowerContext): Keepalive {
  const within = (field: keyof Keepalive, least: number, most: number, unit: string, size: number) => {
    const value = written[field];
    if (value === undefined || (value >= least && value <= most)) return value;
    const kept = value < least ? least : most;
    context.report(
      'WEFT0142',
      `${path}.${field}`,
      `${field} counts as ${kept / size}${unit}: the kernel takes ${least / size}${unit} to ${most / size}${unit}`,
      `write ${kept / size}${unit}`,
    );
    return kept;
  };
  const seconds = (field: 'time' | 'interval') => within(field, keepaliveTime.least, keepaliveTime.most, 's', 1000);
  return present<Keepalive>({
    probes: within('probes', 0, mostProbes, '', 1) || undefined,
    time: seconds('time'),
    interval: seconds('interval'),
  });
}
