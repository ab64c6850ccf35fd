import type {
  ConnectionPool,
  LoadBalancer,
  OutlierDetection,
  TrafficPolicyBlocks,
} from '../../model/destination-rule.ts';
import type { LowerContext } from '../kind-definition.ts';
import {
  anything,
  bool,
  choice,
  count,
  deprecated,
  duration,
  type Infer,
  integer,
  list,
  names,
  object,
  port,
  refused,
  refusedFields,
} from '../shape.ts';
import { present } from './common.ts';

const millisecond = duration(1);
/** Linux counts the seconds in 15 bits, and the probes in 7: with more no connection comes to be. */
const keepaliveTime = duration(1000, 32_767_000);
const int32 = integer(0, 2 ** 31 - 1);

const consistentHash = object({
  httpHeaderName: anything,
  httpCookie: object({ name: anything, path: anything, ttl: anything, attributes: list(names('name', 'value')) }),
  useSourceIp: anything,
  httpQueryParameterName: anything,
  ringHash: names('minimumRingSize'),
  maglev: names('tableSize'),
  minimumRingSize: anything,
});

const loadBalancer = object({
  simple: choice(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM'], {
    refused: { PASSTHROUGH: 'T1', UNSPECIFIED: 'never' },
    deprecated: { LEAST_CONN: 'LEAST_REQUEST' },
  }),
  consistentHash: refused('T1', consistentHash),
  localityLbSetting: refused(
    'T1',
    object({
      enabled: anything,
      distribute: list(names('from', 'to')),
      failover: list(names('from', 'to')),
      failoverPriority: anything,
    }),
  ),
  zoneAwareLbSetting: refused('T1', names('enabled', 'failover', 'failoverPriority', 'minClusterSize')),
  warmup: refused('T1', names('duration', 'minimumPercent', 'aggression')),
  warmupDurationSecs: refused('T1'),
  backendUtilization: refused('T2'),
});

const connectionPool = object({
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

const outlierDetection = object(
  {
    consecutive5xxErrors: count,
    consecutiveGatewayErrors: count,
    consecutiveErrors: deprecated(count, 'consecutiveGatewayErrors'),
    splitExternalLocalOriginErrors: bool,
    consecutiveLocalOriginFailures: count,
    interval: millisecond,
    baseEjectionTime: millisecond,
    maxEjectionPercent: integer(0, 100),
    minHealthPercent: integer(0, 100),
    ...refusedFields('T1', ['outlierDetectionHttpErrorCodes']),
  },
  { exclusive: [['consecutiveGatewayErrors', 'consecutiveErrors']] },
);

const tls = refused(
  'T1',
  names(
    'mode',
    'sni',
    'subjectAltNames',
    'clientCertificate',
    'privateKey',
    'caCertificates',
    'caCrl',
    'credentialName',
    'insecureSkipVerify',
  ),
);

const blocks = { loadBalancer, connectionPool, outlierDetection, tls };

export const trafficPolicy = object({
  ...blocks,
  portLevelSettings: list(
    object({ port: object({ number: port }, { required: ['number'] }), ...blocks }, { required: ['port'] }),
  ),
  retryBudget: refused('T1', names('percent', 'minRetryConcurrency', 'budgetInterval')),
  tunnel: refused('T2', names('protocol', 'targetHost', 'targetPort')),
  proxyProtocol: refused('T2', names('version')),
});

interface WrittenBlocks {
  readonly loadBalancer?: Infer<typeof loadBalancer> | undefined;
  readonly connectionPool?: Infer<typeof connectionPool> | undefined;
  readonly outlierDetection?: Infer<typeof outlierDetection> | undefined;
}

/** The blocks of one level; an empty block stays, because it replaces a wider one (P24). */
export function lowerBlocks(written: WrittenBlocks, path: string, context: LowerContext): TrafficPolicyBlocks {
  return present<TrafficPolicyBlocks>({
    loadBalancer: written.loadBalancer && lowerLoadBalancer(written.loadBalancer),
    connectionPool: written.connectionPool && lowerConnectionPool(written.connectionPool),
    outlierDetection:
      written.outlierDetection && lowerOutlierDetection(written.outlierDetection, `${path}.outlierDetection`, context),
  });
}

function lowerLoadBalancer(written: Infer<typeof loadBalancer>): LoadBalancer {
  return { simple: written.simple ?? 'LEAST_REQUEST' };
}

/** P26: 0 counts as unset for the integers of a pool. */
function lowerConnectionPool(written: Infer<typeof connectionPool>): ConnectionPool {
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

/** The deprecated `consecutiveErrors` counts gateway errors and switches the count of 5xx off, as Istio reads it. */
function lowerOutlierDetection(
  written: Infer<typeof outlierDetection>,
  path: string,
  context: LowerContext,
): OutlierDetection {
  const { consecutiveErrors: old } = written;
  if (old !== undefined) context.place(`${path}.consecutiveGatewayErrors`, `${path}.consecutiveErrors`);
  return present<OutlierDetection>({
    consecutive5xxErrors: written.consecutive5xxErrors ?? (old ? 0 : undefined),
    consecutiveGatewayErrors: written.consecutiveGatewayErrors ?? old,
    splitExternalLocalOriginErrors: written.splitExternalLocalOriginErrors ?? false,
    consecutiveLocalOriginFailures: written.consecutiveLocalOriginFailures,
    interval: written.interval,
    baseEjectionTime: written.baseEjectionTime,
    maxEjectionPercent: written.maxEjectionPercent || undefined,
    minHealthPercent: written.minHealthPercent,
  });
}
