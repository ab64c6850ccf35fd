import type { SidecarSpec } from './sidecar-policy.ts';

/** Below a connection pool, in the words of what a proxy is told. */
const poolFields: Readonly<Record<string, readonly string[]>> = {
  connectTimeout: ['tcp.connectTimeout'],
  maxConnections: ['tcp.maxConnections'],
  maxPendingRequests: ['http.http1MaxPendingRequests'],
  maxRequests: ['http.http2MaxRequests'],
  maxRetries: ['http.maxRetries'],
  idleTimeout: ['http.idleTimeout', 'tcp.idleTimeout'],
  tcpIdleTimeout: ['tcp.idleTimeout'],
  requestsPerConnection: ['http.maxRequestsPerConnection'],
  maxConnectionDuration: ['tcp.maxConnectionDuration'],
  tcpKeepalive: ['tcp.tcpKeepalive'],
  maxConcurrentStreams: ['http.maxConcurrentStreams'],
  http2Keepalive: ['http.http2KeepAlive'],
};

/** The paths at which a field may stand that a Sidecar decided, the likeliest first; `port` is the program's, where it is about one. */
export function sidecarPaths(
  spec: SidecarSpec,
  field: string,
  port: number | undefined,
): readonly string[] | undefined {
  const position = spec.ingress.findIndex((ingress) => ingress.port === port);
  const ingress = position === -1 ? 'spec.ingress' : `spec.ingress[${position}]`;
  const pool = poolFields[field];
  if (pool)
    return [`${ingress}.connectionPool`, 'spec.inboundConnectionPool'].flatMap((path) =>
      pool.map((each) => `${path}.${each}`),
    );
  switch (field) {
    case 'unknownHosts':
      return ['spec.outboundTrafficPolicy.mode', 'spec.outboundTrafficPolicy'];
    case 'imports':
      return ['spec.egress', 'spec'];
    case 'egress': {
      const entry = spec.egress?.findIndex(({ listener }) => listener?.kind === 'port' && listener.port === port) ?? -1;
      return entry === -1 ? ['spec.egress'] : [`spec.egress[${entry}].port`];
    }
    case 'ingress':
      return [ingress];
    case 'program':
      return [`${ingress}.defaultEndpoint`];
    default:
      return undefined;
  }
}
