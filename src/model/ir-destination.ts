import type { HealthProbe } from './health-check.ts';
import type { EndpointPlace, LoadBalancerDecision, LocalityDecision, WarmupDecision } from './ir-load-balancing.ts';
import type { HashKey } from './load-balancer.ts';
import type { Labels, Millis, Protocol } from './policy.ts';
import type { Decided } from './provenance.ts';
import type { MutualTlsMode } from './security-policy.ts';
import type { ServiceKey } from './service.ts';

/** Names one destination everywhere: a service, a port of it, perhaps a subset. */
export interface DestinationRef {
  readonly service: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly subset?: string;
  /** There is no such service, or no such port of it: whoever is led there gets 503. */
  readonly missing?: true;
}

/** A set of endpoints and how to talk to them. The endpoints themselves are an EndpointSet of the same ref. */
export interface Destination {
  readonly ref: DestinationRef;
  readonly protocol: Protocol;
  /**
   * `registry`: an EndpointSet; `dns`, `dns-round-robin`: the proxy resolves the names in `addresses`; `request`: the request's own host,
   * or, for plain connections, `addresses`, else its own name.
   */
  readonly discovery: 'registry' | 'dns' | 'dns-round-robin' | 'request';
  readonly addresses: readonly EndpointAddress[];
  /** Absent: there is nothing to choose, as what a call names is called, and no policy said so. */
  readonly loadBalancer?: Decided<LoadBalancerDecision>;
  /** By what requests are told apart, where they are (P27). */
  readonly hash?: Decided<HashKey>;
  readonly warmup?: Decided<WarmupDecision>;
  /** Of this client; absent: its place means nothing. */
  readonly locality?: Decided<LocalityDecision>;
  readonly pool: ConnectionPoolDecision;
  /** How many retries may be on their way at once; absent: as the pool says. */
  readonly retryBudget?: Decided<RetryBudgetDecision>;
  readonly outlierDetection?: Decided<OutlierDecision>;
  /** Active checks; an endpoint is healthy if it passes all of them. */
  readonly healthChecks?: readonly Decided<HealthCheckDecision>[];
  /** Percent of healthy endpoints below which health is ignored (D8). */
  readonly panicThreshold: Decided<number>;
  readonly security: PeerSecurity;
  /** Who chose `security`, where it is not automatic (P23). */
  readonly tls?: Decided<PeerSecurity['kind']>;
  /** Who turned mesh TLS off at some of its workloads (P35); absent: nobody, or nobody is asked. */
  readonly plaintext?: readonly Decided<MutualTlsMode>[];
  /** How often a name is resolved again whose answer does not say; absent: as Envoy does. */
  readonly dnsRefreshRate?: Decided<Millis>;
  /** Of a subset: only endpoints with these labels belong to it. */
  readonly labels?: Labels;
}

export interface ConnectionPoolDecision {
  readonly connectTimeout: Decided<Millis>;
  readonly maxConnections: Decided<number>;
  readonly maxPendingRequests: Decided<number>;
  readonly maxRequests: Decided<number>;
  readonly maxRetries: Decided<number>;
  /** Idle upstream connections (D4). */
  readonly idleTimeout: Decided<Millis>;
  readonly tcpIdleTimeout?: Decided<Millis>;
  readonly maxRequestsPerConnection?: Decided<number>;
  /** Age of a connection (E10, R17); absent: any. */
  readonly maxConnectionDuration?: Decided<Millis>;
  readonly tcpKeepalive?: Decided<{ readonly probes?: number; readonly time?: Millis; readonly interval?: Millis }>;
  /** The HTTP version spoken to the destination; absent: the caller's (R2). */
  readonly httpVersion?: Decided<'caller' | 'http2'>;
  /** Requests at once on an HTTP/2 connection. */
  readonly maxConcurrentStreams?: Decided<number>;
  readonly http2Keepalive?: Decided<{ readonly interval: Millis; readonly timeout: Millis }>;
}

/** Retries on their way: `percent` of the requests of the last `interval` (0: of those under way), at least `minConcurrency` (D11). */
export interface RetryBudgetDecision {
  readonly percent: number;
  readonly minConcurrency: number;
  readonly interval: Millis;
}

/** Ejection of failing endpoints (D7). A count of 0 is off. Percentages 0 to 100. */
export interface OutlierDecision {
  readonly consecutive5xx: number;
  readonly consecutiveGatewayErrors: number;
  readonly splitLocalErrors: boolean;
  readonly consecutiveLocalErrors: number;
  readonly interval: Millis;
  readonly baseEjectionTime: Millis;
  readonly maxEjectionPercent: number;
  /** Which status codes are errors, sorted; absent: 5xx. */
  readonly errorCodes?: readonly number[];
}

/** One active check, called as its object is. */
export interface HealthCheckDecision {
  readonly namespace: string;
  readonly name: string;
  readonly interval: Millis;
  readonly timeout: Millis;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  readonly probe: HealthProbe;
}

/** `mesh`: endpoints marked `meshTls` are called with mutual TLS and must present one of `accepted`, the others in plaintext (P35, P36). */
export type PeerSecurity =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'mesh';
      readonly accepted: readonly string[];
      readonly serverName: string;
      /** Every endpoint is called so, whatever its mark (P23). */
      readonly always?: true;
      /** Absent: as where nothing is written. */
      readonly meshParameters?: Decided<MeshTlsParameters>;
    }
  | TlsOrigination;

/** TLS that the proxy speaks for the program, towards every endpoint (P23, P48). */
export interface TlsOrigination {
  readonly kind: 'tls';
  /** What the connection asks for; absent: the host of the request. */
  readonly serverName?: string;
  /** Who may answer; absent: whoever does, unverified. */
  readonly server?: {
    readonly roots: 'system' | RootsRef;
    /** One of these names; `request`: the host of the request. */
    readonly names: readonly string[] | 'request';
  };
  /** What the proxy proves itself with; absent: nothing. */
  readonly client?: KeysRef;
  readonly parameters?: TlsParameters;
}

/** A secret of the client's namespace by its name, or files on the machine of the proxy. */
export type KeysRef =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'files'; readonly certificate: string; readonly key: string };
export type RootsRef =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'files'; readonly roots: string; readonly crl?: string };

/** What both sides may agree on; absent: as Envoy does. */
export interface TlsParameters {
  readonly cipherSuites?: readonly string[];
  readonly curves?: readonly string[];
}

/** What two sides of mesh TLS may agree on; absent: TLS 1.3, by the curves of Weft. */
export interface MeshTlsParameters extends TlsParameters {
  /** The least version; absent: 1.3. The suites act on it alone. */
  readonly minimum?: '1.2';
}

export interface EndpointAddress extends EndpointPlace {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** True: mutual TLS as PeerSecurity says; false or absent: plaintext. */
  readonly meshTls?: boolean;
  /** False: not to be called; absent: nobody says so. */
  readonly healthy?: boolean;
}

/** The endpoints of one destination, sorted by workload. */
export interface EndpointSet {
  readonly ref: DestinationRef;
  readonly endpoints: readonly EndpointDecision[];
}

export interface EndpointDecision extends EndpointAddress {
  readonly workload: string;
  /** The label `version`: statistics tell it. */
  readonly version?: string;
  readonly healthy: boolean;
  readonly meshTls: boolean;
}
