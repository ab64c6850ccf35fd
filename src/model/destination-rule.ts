import type { ClientTls } from './client-tls.ts';
import type { LoadBalancer } from './load-balancer.ts';
import type { Labels, Millis } from './policy.ts';

export interface DestinationRuleSpec {
  readonly host: string;
  /** Set: only for clients of its own namespace that have these labels (P21). */
  readonly workloadSelector?: Labels;
  readonly exportTo: readonly string[];
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets: readonly Subset[];
}

export interface Subset {
  readonly name: string;
  readonly labels: Labels;
  readonly trafficPolicy?: TrafficPolicy;
}

export interface TrafficPolicyBlocks {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
}

export interface TrafficPolicy extends TrafficPolicyBlocks {
  readonly portLevelSettings: readonly PortTrafficPolicy[];
  /** Not a block of P24: entries for ports have none. */
  readonly retryBudget?: RetryBudget;
}

export interface PortTrafficPolicy extends TrafficPolicyBlocks {
  readonly port: number;
}

/** Absent fields are not set (0 counts as unset, P26). */
export interface ConnectionPool {
  readonly tcp?: {
    readonly maxConnections?: number;
    readonly connectTimeout?: Millis;
    readonly idleTimeout?: Millis;
    readonly maxConnectionDuration?: Millis;
    readonly tcpKeepalive?: { readonly probes?: number; readonly time?: Millis; readonly interval?: Millis };
  };
  readonly http?: {
    readonly http1MaxPendingRequests?: number;
    readonly http2MaxRequests?: number;
    readonly maxRequestsPerConnection?: number;
    readonly maxRetries?: number;
    readonly idleTimeout?: Millis;
    /** Absent: as the mesh says. */
    readonly h2Upgrade?: boolean;
    readonly useClientProtocol?: boolean;
    readonly maxConcurrentStreams?: number;
    readonly http2KeepAlive?: { readonly interval: Millis; readonly timeout: Millis };
  };
}

/** `consecutive5xxErrors`: absent = 5, 0 = off (P26). */
export interface OutlierDetection {
  readonly consecutive5xxErrors?: number;
  readonly consecutiveGatewayErrors?: number;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures?: number;
  readonly interval?: Millis;
  readonly baseEjectionTime?: Millis;
  readonly maxEjectionPercent?: number;
  readonly minHealthPercent?: number;
  /** Which status codes are errors; sorted. Absent: 5xx. */
  readonly errorCodes?: readonly number[];
}

/** How many retries may be on their way at once. */
export interface RetryBudget {
  readonly percent?: number;
  readonly minRetryConcurrency?: number;
  readonly budgetInterval?: Millis;
}
