import type { ConnectionRule, TlsMatch } from './connection-rules.ts';
import type { Labels, Millis } from './policy.ts';

/** A text condition of a VirtualService (P12). `present` is `{}`, in withoutHeaders regex `*`, too. */
export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly value: string }
  | { readonly kind: 'present' };

export interface VirtualServiceSpec {
  readonly hosts: readonly string[];
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRule[];
  readonly tls: readonly ConnectionRule<TlsMatch>[];
  readonly tcp: readonly ConnectionRule[];
}

export interface HttpRule {
  readonly name?: string;
  /** Empty: every request. */
  readonly match: readonly HttpMatch[];
  readonly route: readonly RouteDestination[];
  readonly redirect?: Redirect;
  readonly directResponse?: DirectResponse;
  readonly rewrite?: Rewrite;
  readonly timeout?: Millis;
  readonly retries?: Retries;
  readonly fault?: Fault;
  readonly mirrors: readonly Mirror[];
  readonly headers?: HeaderRules;
  readonly corsPolicy?: CorsPolicy;
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
  readonly statPrefix?: string;
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

export interface DirectResponse {
  readonly status: number;
  readonly body?: { readonly text: string } | { readonly base64: string };
}

/** What pages of other origins may do; `allowOrigin` came here as exact texts. */
export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAge?: Millis;
  readonly allowCredentials?: boolean;
  readonly unmatchedPreflights: 'FORWARD' | 'IGNORE';
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
  readonly backoff?: Millis;
  /** Whether a retry avoids the endpoints that failed. Absent: yes, unless a hash chooses. */
  readonly ignorePreviousHosts?: boolean;
  readonly remoteLocalities?: boolean;
}

export interface Fault {
  /** Percentages 0 to 100, of which four decimals count (P17: absent never fires, so 0). */
  readonly delay?: { readonly fixedDelay: Millis; readonly percentage: number };
  /** Exactly one of the two statuses. */
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
