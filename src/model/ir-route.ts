import type { DestinationRef } from './ir-destination.ts';
import type { HashKey } from './load-balancer.ts';
import type { Millis } from './policy.ts';
import type { Decided } from './provenance.ts';

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
  readonly action: ForwardAction | RedirectAction | RespondAction;
  readonly headers?: Decided<HeaderChanges>;
  readonly fault?: Decided<FaultDecision>;
  readonly cors?: Decided<CorsDecision>;
  /** Under which name the proxy counts the requests of this route, besides all other counts. */
  readonly statName?: Decided<string>;
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
  /** The requests say themselves whom they mean: these hosts (`*.x`, no ports) at these ports; where a request may, the called service's own, too. */
  readonly requestNames?: readonly { readonly hosts: readonly string[]; readonly port: number }[];
  /** By what requests are told apart, where a destination does so: those that are alike reach one endpoint (P27). */
  readonly hash?: readonly Decided<HashKey>[];
  /** Of several destinations the key chooses one, too. */
  readonly hashChooses?: true;
}

export interface WeightedDestination {
  readonly destination: DestinationRef;
  readonly weight: Decided<number>;
  readonly headers?: Decided<HeaderChanges>;
  /** The authority that requests to this one of several destinations get; goes before the rule's rewrite (P18). */
  readonly authority?: Decided<string>;
  /** The proxy resolves the authority that its requests get, which is another than the caller's. */
  readonly resolvesAuthority?: true;
}

export interface RetryDecision {
  readonly attempts: number;
  readonly perTryTimeout?: Millis;
  /** Conditions as D1 and `retryOn` name them, without status codes. */
  readonly conditions: readonly string[];
  readonly statusCodes: readonly number[];
  readonly avoidPreviousHosts: boolean;
  /** The pause before a retry grows from this one on. Absent: Envoy's own. */
  readonly backoff?: Millis;
  /** Each retry goes to endpoints of another priority, so to other localities. */
  readonly otherPriorities?: boolean;
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

/** An answer that the caller's own proxy gives. */
export interface RespondAction {
  readonly kind: 'respond';
  readonly respond: Decided<{
    readonly status: number;
    readonly body?: { readonly text: string } | { readonly base64: string };
  }>;
}

/** Which pages of other origins may call, as their browsers ask before or while they do. */
export interface CorsDecision {
  readonly origins: readonly TextMatch[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposedHeaders: readonly string[];
  /** For so many whole seconds a browser may remember the answer. */
  readonly maxAgeSeconds?: number;
  readonly credentials?: boolean;
  /** Whether a preflight of an origin that is not named goes on to the destination. */
  readonly forwardUnmatched: boolean;
}

/** Percentages 0 to 100, of which four decimals count. */
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
