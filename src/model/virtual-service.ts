import type { ConnectionRule, TlsMatch } from './connection-rules.ts';
import type { Labels, Millis } from './policy.ts';

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
  readonly tls: readonly ConnectionRule<TlsMatch>[];
  readonly tcp: readonly ConnectionRule[];
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
