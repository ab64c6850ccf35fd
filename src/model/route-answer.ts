import type { PathNormalization } from './ir-mesh.ts';
import type { Labels, Protocol } from './policy.ts';

/** Where a decision stands: the field of an object and its line, or a default's number (`D3`). */
export type AnswerPlace =
  | {
      /** `VirtualService/shop/reviews` */
      readonly ref: string;
      /** `spec.http[0].timeout` */
      readonly field: string;
      readonly file: string;
      readonly line: number;
      readonly column: number;
      readonly commit: string;
    }
  | { readonly default: string };

/** What `weft route` asks: a call as a program makes it. */
export interface RouteQuestion {
  /** `<name>.<namespace>` or `<name>` of a workload, or a service; absent: a caller without labels. */
  readonly from?: string;
  readonly namespace: string;
  readonly host: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly scheme?: string;
  /** Of TLS that the program begins itself; absent: the host. */
  readonly serverName?: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The answer: who takes the call, why, and what becomes of it. Fit to be printed as JSON. */
export interface RouteAnswer {
  readonly from: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly to: {
    readonly host: string;
    readonly port?: number;
    /** `reviews.shop`, where one is called so. */
    readonly service?: string;
    readonly protocol?: Protocol;
    /** Of the Sidecar that limits what this caller knows, where there is one. */
    readonly limitedBy?: AnswerPlace;
  };
  /** `forward`, `redirect`, `respond`: what a rule says. `no-rule`: none fits, 404. `pass`, `refuse`: of unknown hosts (P48). `invalid`: no request. */
  readonly outcome: 'forward' | 'redirect' | 'respond' | 'no-rule' | 'pass' | 'refuse' | 'invalid';
  /** What the sidecar answers by itself. */
  readonly status?: number;
  /** What is to be said of the outcome, a sentence each. */
  readonly notes: readonly string[];
  /** `VirtualService/shop/reviews[canary]`; absent where nothing was routed. */
  readonly route?: string;
  readonly by?: AnswerPlace;
  /** As routes see it. */
  readonly request?: {
    readonly method: string;
    readonly scheme: string;
    readonly authority: string;
    readonly path: string;
    readonly pathNormalization: PathNormalization;
  };
  /** In the order in which they were asked. */
  readonly candidates: readonly AnswerCandidate[];
  readonly clusters: readonly AnswerCluster[];
  /** `timeout`, `retries`, …: what is decided for the call besides where it goes; durations are milliseconds. */
  readonly decisions: Readonly<Record<string, { readonly value: unknown; readonly by: AnswerPlace }>>;
}

export interface AnswerCandidate {
  readonly name: string;
  readonly by: AnswerPlace;
  readonly verdict: 'chosen' | 'differs' | 'behind' | 'closer';
  /** Of `differs`: the condition that does not hold. `got` absent: nothing of that name. */
  readonly condition?: {
    /** `headers.x-user` */
    readonly field: string;
    readonly wanted: string;
    readonly got?: string;
    readonly by: AnswerPlace;
  };
  /** Of `behind` and `closer`: which one takes it instead. */
  readonly other?: string;
}

export interface AnswerCluster {
  readonly cluster: string;
  /** `reviews.shop` */
  readonly service: string;
  readonly port: number;
  readonly subset?: string;
  /** Of all that the rule takes. */
  readonly percent: number;
  readonly by: AnswerPlace;
  /** How endpoints are found; absent: there is no such destination, so calls to it fail. */
  readonly discovery?: 'registry' | 'dns' | 'dns-round-robin' | 'request';
  /** `mesh`: mutual TLS to the endpoints that are marked so; `tls`: TLS that the sidecar begins (P23). */
  readonly security?: 'plain' | 'mesh' | 'tls';
  readonly endpoints: readonly {
    /** Absent: an address that a ServiceEntry states. */
    readonly workload?: string;
    readonly address: string;
    readonly healthy: boolean;
    readonly meshTls: boolean;
    /** Called when those of the numbers before fail (D12); absent: first. */
    readonly priority?: number;
  }[];
}
