import type { Labels, Locality, Millis, Protocol } from './policy.ts';
import type { Decided, Provenance } from './provenance.ts';
import type { Proxy } from './proxy.ts';
import type { MutualTlsMode } from './security-policy.ts';
import type { ServiceKey } from './service.ts';

/*
 * The intermediate representation: what a proxy must do, with every policy already decided and by which line. No Envoy word stands
 * here and no policy word after it. Values keep their identity while nothing they depend on changes: translation is remembered on it.
 */

/** All that the outbound half of a proxy depends on besides the mesh: proxies with equal scopes share one View. */
export interface Scope {
  readonly namespace: string;
  /** Only the labels that some policy looks at (sourceLabels), so that other labels do not split views. */
  readonly labels: Labels;
}

/** The outbound half, shared by every proxy of one scope. */
export interface View {
  /** Text form of the scope: equal scopes, equal keys. */
  readonly key: string;
  /** Sorted by service key. */
  readonly services: readonly OutboundService[];
  /** Traffic to hosts that the registry does not know (D18). */
  readonly unknownHosts: Decided<'pass' | 'refuse'>;
}

export interface OutboundService {
  readonly service: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  /** The names by which this scope may call it, most specific knowledge applied (P4); may hold `*.x` (P5). Lower case, no ports. */
  readonly names: readonly string[];
  readonly ports: readonly OutboundPort[];
}

export interface OutboundPort {
  readonly port: number;
  readonly protocol: Protocol;
  /** The sidecar's local port for it, if one was allocated. */
  readonly localPort?: number;
  /** What plain connections (TCP, CONNECT) go to: the whole service. */
  readonly destination: Destination;
  /** HTTP protocols only, in order of match, the default route included; empty: every request is 404 (P10). */
  readonly routes: readonly Route[];
  /** Every destination of this port that routes of any service may name: the whole service first, then its subsets. */
  readonly destinations: readonly Destination[];
}

/** Names one destination everywhere: a service, a port of it, perhaps a subset. */
export interface DestinationRef {
  readonly service: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly subset?: string;
}

/** A set of endpoints and how to talk to them. The endpoints themselves are an EndpointSet of the same ref. */
export interface Destination {
  readonly ref: DestinationRef;
  readonly protocol: Protocol;
  /** `registry`: an EndpointSet; `dns`, `dns-round-robin`: the proxy resolves the names in `addresses`; `request`: the request's own host. */
  readonly discovery: 'registry' | 'dns' | 'dns-round-robin' | 'request';
  readonly addresses: readonly EndpointAddress[];
  readonly loadBalancer: Decided<'least-request' | 'round-robin' | 'random'>;
  readonly pool: ConnectionPoolDecision;
  readonly outlierDetection?: Decided<OutlierDecision>;
  /** Percent of healthy endpoints below which health is ignored (D8). */
  readonly panicThreshold: Decided<number>;
  readonly security: PeerSecurity;
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
  /** Age of a connection (E10, R17). */
  readonly maxConnectionDuration: Decided<Millis>;
  readonly tcpKeepalive?: Decided<{ readonly probes?: number; readonly time?: Millis; readonly interval?: Millis }>;
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
}

/** `mesh`: endpoints marked `meshTls` are called with mutual TLS and must present one of `accepted`, the others in plaintext (P35, P36). */
export type PeerSecurity =
  | { readonly kind: 'plain' }
  | { readonly kind: 'mesh'; readonly accepted: readonly string[]; readonly serverName: string };

export interface EndpointAddress {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** True: mutual TLS as PeerSecurity says; false or absent: plaintext. */
  readonly meshTls?: boolean;
}

/** The endpoints of one destination, sorted by workload. */
export interface EndpointSet {
  readonly ref: DestinationRef;
  readonly endpoints: readonly EndpointDecision[];
}

export interface EndpointDecision extends EndpointAddress {
  readonly workload: string;
  readonly locality?: Locality;
  /** The label `version`: statistics tell it. */
  readonly version?: string;
  readonly healthy: boolean;
  readonly meshTls: boolean;
}

/** A condition on text. `regex` is RE2 and must match the whole value. */
export type TextMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

/** One way to match (P11, P12): all parts must hold; an absent path matches every path. */
export interface RouteMatch {
  readonly path?: { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string; readonly ignoreCase: boolean };
  readonly method?: TextMatch;
  readonly authority?: TextMatch;
  readonly scheme?: TextMatch;
  /** Sorted by name. `absent`: the condition is inverted and also holds when the header is missing (withoutHeaders). */
  readonly headers: readonly { readonly name: string; readonly match: TextMatch; readonly absent: boolean }[];
  readonly query: readonly { readonly name: string; readonly match: TextMatch }[];
}

export interface Route {
  /** `VirtualService/shop/reviews[canary]`, or `default/shop/reviews` where no rule decides. Several routes may share a rule's name. */
  readonly name: string;
  readonly by: Decided<string>['by'];
  readonly match: RouteMatch;
  readonly action: ForwardAction | RedirectAction;
  readonly headers?: Decided<HeaderChanges>;
  readonly fault?: Decided<FaultDecision>;
}

export interface ForwardAction {
  readonly kind: 'forward';
  /** At least one; weights are positive, 1 for a single destination. */
  readonly destinations: readonly WeightedDestination[];
  /** Undefined value: none (D3). */
  readonly timeout: Decided<Millis | undefined>;
  /** Undefined value: off. */
  readonly retries: Decided<RetryDecision | undefined>;
  readonly mirrors: readonly Decided<{ readonly destination: DestinationRef; readonly percentage: number }>[];
  readonly rewrite?: Decided<RewriteDecision>;
}

export interface WeightedDestination {
  readonly destination: DestinationRef;
  readonly weight: Decided<number>;
  readonly headers?: Decided<HeaderChanges>;
  /** The authority that requests to this one of several destinations get; goes before the rule's rewrite (P18). */
  readonly authority?: Decided<string>;
}

export interface RetryDecision {
  readonly attempts: number;
  readonly perTryTimeout?: Millis;
  /** Conditions as D1 and `retryOn` name them, without status codes. */
  readonly conditions: readonly string[];
  readonly statusCodes: readonly number[];
  readonly avoidPreviousHosts: boolean;
}

export interface RewriteDecision {
  /** Replaces the matched prefix, or the whole path where the match was not a prefix (P13). */
  readonly path?: { readonly kind: 'prefix' | 'whole'; readonly value: string };
  readonly pathRegex?: { readonly match: string; readonly rewrite: string };
  readonly authority?: string;
}

export interface RedirectAction {
  readonly kind: 'redirect';
  readonly redirect: Decided<{
    readonly path?: string;
    readonly prefixRewrite?: string;
    readonly authority?: string;
    readonly port?: number;
    readonly portFrom?: 'protocol' | 'request';
    readonly scheme?: string;
    readonly statusCode: number;
  }>;
}

/** Percentages 0 to 100 with up to four decimals. */
export interface FaultDecision {
  readonly delay?: { readonly duration: Millis; readonly percentage: number };
  readonly abort?: {
    readonly status: { readonly http: number } | { readonly grpc: number };
    readonly percentage: number;
  };
}

/** In this order: request set, add, remove; response likewise (P18). `host` never stands here: it is a rewrite of the authority. */
export interface HeaderChanges {
  readonly request: HeaderChange;
  readonly response: HeaderChange;
}

export interface HeaderChange {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** What stands before one port of the application. */
export interface Inbound {
  /** The application's port. */
  readonly port: number;
  /** Where callers connect. */
  readonly listen: { readonly address: string; readonly port: number };
  /** The loopback address of the application. */
  readonly applicationAddress: string;
  readonly protocol: Protocol;
  readonly mtls: Decided<MutualTlsMode>;
  /** Age after which an HTTP connection is closed when it is idle between requests (E10, R17). */
  readonly maxConnectionDuration: Decided<Millis>;
  readonly authorization: Authorization;
}

/** P39: refused if a deny rule matches; else allowed if `allow` is undefined (no ALLOW policy) or one of its rules matches. */
export interface Authorization {
  readonly deny: readonly AuthorizationRuleDecision[];
  readonly allow: readonly AuthorizationRuleDecision[] | undefined;
}

export interface AuthorizationRuleDecision {
  /** `ns[shop]-policy[reviews-callers]-rule[0]` (P46). */
  readonly id: string;
  readonly by: Provenance;
  readonly caller: Condition;
  readonly operation: Condition;
}

/** A tree of conditions about a request. Port conditions are already decided per inbound port (P29). */
export type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'all'; readonly of: readonly Condition[] }
  | { readonly kind: 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  /** The caller's SPIFFE ID without `spiffe://`; a plaintext caller has none. `regex` where Istio's stars need it. */
  | { readonly kind: 'principal'; readonly match: TextMatch }
  /** The connection's own address, or the address after trusted proxies. */
  | { readonly kind: 'source-address'; readonly cidr: string }
  | { readonly kind: 'remote-address'; readonly cidr: string }
  | { readonly kind: 'destination-address'; readonly cidr: string }
  | { readonly kind: 'server-name'; readonly match: TextMatch }
  | { readonly kind: 'header'; readonly name: string; readonly match: TextMatch }
  /** Lower case here; the request's authority is compared without regard to its case (P42) and its port (T15). */
  | { readonly kind: 'host'; readonly match: TextMatch }
  | { readonly kind: 'method'; readonly match: TextMatch }
  | { readonly kind: 'path'; readonly match: TextMatch };

/** All that one proxy must do. */
export interface ProxyIR {
  readonly proxy: Proxy;
  /** Sorted by port. */
  readonly inbound: readonly Inbound[];
  readonly view: View;
}
