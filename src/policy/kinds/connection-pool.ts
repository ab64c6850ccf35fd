import type { ConnectionPool } from '../../model/destination-rule.ts';
import { duration, type Infer, integer, names, object, refused, refusedFields } from '../shape.ts';
import { present } from './common.ts';

const millisecond = duration(1);
/** Linux counts the seconds in 15 bits, and the probes in 7: with more no connection comes to be. */
const keepaliveTime = duration(1000, 32_767_000);
const int32 = integer(0, 2 ** 31 - 1);

export const connectionPool = object({
  tcp: object({
    maxConnections: int32,
    connectTimeout: millisecond,
    idleTimeout: duration(0),
    maxConnectionDuration: millisecond,
    tcpKeepalive: object({ probes: integer(0, 127), time: keepaliveTime, interval: keepaliveTime }),
  }),
  http: object({
    http1MaxPendingRequests: int32,
    http2MaxRequests: int32,
    maxRequestsPerConnection: int32,
    maxRetries: int32,
    idleTimeout: millisecond,
    ...refusedFields('T1', ['h2UpgradePolicy', 'useClientProtocol', 'maxConcurrentStreams']),
    http2KeepAlive: refused('T1', names('interval', 'timeout')),
  }),
});

/** P26: 0 counts as unset for the integers of a pool. */
export function lowerConnectionPool(written: Infer<typeof connectionPool>): ConnectionPool {
  const { tcp, http } = written;
  const keepalive = tcp?.tcpKeepalive;
  type Tcp = NonNullable<ConnectionPool['tcp']>;
  return present<ConnectionPool>({
    tcp:
      tcp &&
      present<Tcp>({
        ...tcp,
        maxConnections: tcp.maxConnections || undefined,
        tcpKeepalive:
          keepalive &&
          present<NonNullable<Tcp['tcpKeepalive']>>({ ...keepalive, probes: keepalive.probes || undefined }),
      }),
    http:
      http &&
      present<NonNullable<ConnectionPool['http']>>({
        http1MaxPendingRequests: http.http1MaxPendingRequests || undefined,
        http2MaxRequests: http.http2MaxRequests || undefined,
        maxRequestsPerConnection: http.maxRequestsPerConnection || undefined,
        maxRetries: http.maxRetries || undefined,
        idleTimeout: http.idleTimeout,
      }),
  });
}
