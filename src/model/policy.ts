import type { SourceRange } from './provenance.ts';
import type { AuthorizationPolicySpec, PeerAuthenticationSpec } from './security-policy.ts';

/** Milliseconds; a whole number. */
export type Millis = number;
export type Labels = Readonly<Record<string, string>>;

/**
 * A checked object of the policy tree: every field of `spec` is supported, typed and within its limits. `positions` maps a field
 * path (`spec.http[0].timeout`) to its place in the text; paths that were not written are absent.
 */
export interface PolicyObject<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: Spec;
  readonly at: SourceRange;
  /** Short commit id, or `<id>+edits`. */
  readonly commit: string;
  readonly positions: ReadonlyMap<string, SourceRange>;
}

export type Policy =
  | ServiceObject
  | ServiceEntryObject
  | WorkloadEntryObject
  | VirtualServiceObject
  | DestinationRuleObject
  | PeerAuthenticationObject
  | AuthorizationPolicyObject;

export type ServiceObject = PolicyObject<'Service', ServiceSpec>;
export type ServiceEntryObject = PolicyObject<'ServiceEntry', ServiceEntrySpec>;
export type WorkloadEntryObject = PolicyObject<'WorkloadEntry', WorkloadEntrySpec>;
export type VirtualServiceObject = PolicyObject<'VirtualService', VirtualServiceSpec>;
export type DestinationRuleObject = PolicyObject<'DestinationRule', DestinationRuleSpec>;
export type PeerAuthenticationObject = PolicyObject<'PeerAuthentication', PeerAuthenticationSpec>;
export type AuthorizationPolicyObject = PolicyObject<'AuthorizationPolicy', AuthorizationPolicySpec>;

/** What a commit (or a working tree) says, whole and checked; objects are sorted by kind, namespace, name (P51). */
export interface PolicySet {
  readonly commit: string;
  readonly objects: readonly Policy[];
}

/** The protocols of P28. `https` and `tls` are opaque bytes, chosen by SNI. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'mongo' | 'mysql' | 'redis';

export interface ServiceSpec {
  readonly selector: Labels;
  readonly ports: readonly ServicePortSpec[];
}

export interface ServicePortSpec {
  readonly name?: string;
  readonly port: number;
  /** Number or name of a workload port; absent: the service port. */
  readonly targetPort?: number | string;
  /** The protocol by P28, and whether it was declared at all (else `tcp`, WEFT0118). */
  readonly protocol: Protocol;
  readonly declared: boolean;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePortSpec[];
  readonly location: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN';
  readonly endpoints: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: Labels;
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
}

export interface WorkloadEntrySpec {
  /** IPv4 or IPv6 address, or a DNS name. */
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly serviceAccount?: string;
  readonly locality?: Locality;
  readonly weight?: number;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

/** A text condition of a VirtualService (P12). `present` is `{}` or regex `*`. */
export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export interface VirtualServiceSpec {
  readonly hosts: readonly string[];
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRule[];
}

export interface HttpRule {
  readonly name?: string;
  /** Empty: every request. */
  readonly match: readonly HttpMatch[];
  readonly route: readonly RouteDestination[];
  readonly redirect?: Redirect;
  readonly rewrite?: Rewrite;
  readonly timeout?: Millis;
  readonly retries?: Retries;
  readonly fault?: Fault;
  readonly mirrors: readonly Mirror[];
  readonly headers?: HeaderRules;
}

export interface HttpMatch {
  readonly name?: string;
  readonly uri?: StringMatch;
  readonly ignoreUriCase: boolean;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly scheme?: StringMatch;
  readonly headers: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders: Readonly<Record<string, StringMatch>>;
  readonly queryParams: Readonly<Record<string, StringMatch>>;
  readonly port?: number;
  readonly sourceLabels: Labels;
  readonly sourceNamespace?: string;
}

export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: number;
}

export interface RouteDestination {
  readonly destination: Destination;
  readonly weight?: number;
  readonly headers?: HeaderRules;
}

export interface Redirect {
  readonly uri?: string;
  readonly authority?: string;
  readonly port?: number;
  readonly derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  readonly scheme?: string;
  readonly redirectCode: number;
  readonly prefixRewrite?: string;
}

export interface Rewrite {
  readonly uri?: string;
  readonly authority?: string;
  readonly uriRegexRewrite?: { readonly match: string; readonly rewrite: string };
}

export interface Retries {
  /** Retries after the first try; 0 switches them off (P16). */
  readonly attempts: number;
  readonly perTryTimeout?: Millis;
  /** Envoy's retry conditions; status codes as written. Absent: D1. */
  readonly retryOn?: readonly string[];
}

export interface Fault {
  readonly delay?: { readonly fixedDelay: Millis; readonly percentage: number };
  /** Exactly one of the two statuses. Percentages 0 to 100, four decimals (P17: absent never fires, so 0). */
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: number; readonly percentage: number };
}

export interface Mirror {
  readonly destination: Destination;
  readonly percentage: number;
}

export interface HeaderOperations {
  readonly set: Labels;
  readonly add: Labels;
  readonly remove: readonly string[];
}

export interface HeaderRules {
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
}

export interface DestinationRuleSpec {
  readonly host: string;
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
}

export interface TrafficPolicy extends TrafficPolicyBlocks {
  readonly portLevelSettings: readonly PortTrafficPolicy[];
}

export interface PortTrafficPolicy extends TrafficPolicyBlocks {
  readonly port: number;
}

export interface LoadBalancer {
  readonly simple: 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM';
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
}
