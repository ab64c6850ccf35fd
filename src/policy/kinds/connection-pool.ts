import type { ConnectionPool } from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { bool, choice, count, duration, integer, object, row } from '../shape-builders.ts';
import { beside, present } from './common.ts';

const millisecond = duration(1);
const int32 = integer(0, 2 ** 31 - 1);

/** Linux counts the probes of a keepalive in 7 bits and its seconds in 15: with more no connection comes to be. */
const mostProbes = 127;
const keepaliveTime = { least: 1000, most: 32_767_000 };

export const connectionPool = object(
  {
    tcp: object({
      maxConnections: row(int32, 'T0', 'max_connections of the circuit breakers', 'D6'),
      connectTimeout: row(millisecond, 'T0', 'connect_timeout of the cluster', 'D4'),
      idleTimeout: row(duration(0), 'T0', 'idle timeout of tcp_proxy; of HTTP too, unless it has its own'),
      maxConnectionDuration: row(millisecond, 'T0', 'max_connection_duration of HTTP and of tcp_proxy'),
      tcpKeepalive: row(
        object({ probes: count, time: millisecond, interval: millisecond }),
        'T0',
        'keepalive of the sockets to endpoints',
      ),
    }),
    http: object({
      http1MaxPendingRequests: row(int32, 'T0', 'max_pending_requests of the circuit breakers', 'D6'),
      http2MaxRequests: row(int32, 'T0', 'max_requests of the circuit breakers', 'D6'),
      maxRequestsPerConnection: row(int32, 'T0', 'max_requests_per_connection'),
      maxRetries: row(int32, 'T0', 'max_retries of the circuit breakers', 'D6'),
      idleTimeout: row(millisecond, 'T0', 'idle timeout of connections to endpoints', 'D4'),
      h2UpgradePolicy: row(
        choice(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
        'T1',
        "HTTP protocol of connections to endpoints; the caller's",
      ),
      useClientProtocol: row(bool, 'T1', "the caller's HTTP protocol, as without it"),
      maxConcurrentStreams: row(int32, 'T1', 'max_concurrent_streams of HTTP/2'),
      http2KeepAlive: row(
        object({ interval: millisecond, timeout: millisecond }, { required: ['interval', 'timeout'] }),
        'T1',
        'connection_keepalive of HTTP/2',
      ),
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
    http: http && lowerHttp(http, `${path}.http`, context),
  });
}

const upgrades = { DEFAULT: undefined, DO_NOT_UPGRADE: false, UPGRADE: true } as const;

function lowerHttp(http: NonNullable<Infer<typeof connectionPool>['http']>, path: string, context: LowerContext): Http {
  const { h2UpgradePolicy = 'DEFAULT', useClientProtocol } = http;
  if (h2UpgradePolicy === 'UPGRADE' && useClientProtocol === true) {
    const message = 'h2UpgradePolicy: UPGRADE and useClientProtocol: true exclude each other';
    context.report(
      'WEFT0137',
      `${path}.useClientProtocol`,
      message,
      'keep one',
      beside(context, path, 'h2UpgradePolicy'),
    );
  }
  return present<Http>({
    http1MaxPendingRequests: http.http1MaxPendingRequests || undefined,
    http2MaxRequests: http.http2MaxRequests || undefined,
    maxRequestsPerConnection: http.maxRequestsPerConnection || undefined,
    maxRetries: http.maxRetries || undefined,
    idleTimeout: http.idleTimeout,
    h2Upgrade: upgrades[h2UpgradePolicy],
    useClientProtocol: useClientProtocol || undefined,
    maxConcurrentStreams: http.maxConcurrentStreams || undefined,
    http2KeepAlive: http.http2KeepAlive,
  });
}

type Keepalive = NonNullable<Tcp['tcpKeepalive']>;

/** Istio accepts numbers that the kernel refuses; they are brought within its limits, and that is told (WEFT0142). */
export function lowerKeepalive(written: Keepalive, path: string, context: LowerContext): Keepalive {
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
