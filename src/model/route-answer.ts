import type { AuthorizationAnswer } from './authorization-answer.ts';
import type { PathNormalization } from './ir-mesh.ts';
import type { Labels, Protocol } from './policy.ts';
import type { PolicyPlace, XdsType } from './status.ts';
import type { EndpointsOut, HeldOut } from './traffic.ts';

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
  /** Of TLS that the program begins itself; absent: the host; empty: it names none. */
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
  /** Of a fault that answers instead of the application: for which share of the calls, and what they get. */
  readonly aborted?: { readonly percent: number; readonly answer: string; readonly by: AnswerPlace };
  /** `timeout`, `retries`, …: what is decided for the call besides where it goes; durations are milliseconds. */
  readonly decisions: Readonly<Record<string, { readonly value: unknown; readonly by: AnswerPlace }>>;
  /** Of a caller that was named, and a call that comes to workloads: whether they let it in. */
  readonly authorization?: AuthorizationAnswer;
  /** Of a running mesh: how far the caller's proxies have what the answer rests on. */
  readonly proxies?: AnswerProxies;
  /** Of a running mesh: proxies before those who are called that refused what stands there. */
  readonly called?: AnswerProxies;
}

export interface AnswerProxies {
  /** The caller's own, where one is named, else all that share what is decided for it. */
  readonly connected: number;
  /** Where something of it is not held, or not known to be. */
  readonly otherwise: readonly AnswerProxy[];
}

/** A resource that the answer rests on, and that a proxy of the caller does not hold in its newest form. */
export interface AnswerProxy {
  /** `frontend-1.shop` */
  readonly proxy: string;
  /**
   * `refused`: by this proxy or an equal one, and offered no more (X38); `waiting`: not sent yet; `unanswered`: sent, and for long without
   * an answer, so that nobody knows; `behind`: its configuration is still being made.
   */
  readonly state: 'refused' | 'waiting' | 'unanswered' | 'behind';
  /** Absent: of `behind`. */
  readonly type?: XdsType;
  /** Absent: of `unanswered` and `behind`, which concern all of a type, or of the proxy. */
  readonly resource?: string;
  /** The version of what it has instead; absent: it has nothing of that name, or the resource is not known. */
  readonly held?: string;
  /** What becomes of the call there; absent: the commit that the held form is of is not known any more. */
  readonly instead?: {
    readonly commit: string;
    readonly outcome: RouteAnswer['outcome'];
    readonly status?: number;
    readonly route?: string;
    readonly by?: AnswerPlace;
    readonly clusters: readonly string[];
  };
  /** Of `refused`: Envoy's words, the proxy that said them, when (ISO), and the line that most likely led to it. */
  readonly refusal?: {
    readonly message: string;
    readonly by: string;
    readonly at: string;
    readonly source?: PolicyPlace;
  };
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

/** `ejected`, `unhealthy`: of a running mesh, the sidecar of the caller that holds out most of its endpoints. */
export interface AnswerCluster extends HeldOut<EndpointsOut & { readonly proxy: string }> {
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
  /** A HealthCheck lets callers' sidecars find out who is well: of files alone what they find is not known. */
  readonly healthChecked?: true;
  /** Percent of the endpoints: where fewer are well all are called, whoever is held out (D8); absent: never. */
  readonly panicBelow?: number;
  readonly endpoints: readonly {
    /** Absent: an address that a ServiceEntry states. */
    readonly workload?: string;
    readonly address: string;
    readonly healthy: boolean;
    /** Whether a probe of its WorkloadGroup says so; absent: nobody probes it. */
    readonly probed?: true;
    readonly meshTls: boolean;
    /** Called when those of the numbers before fail (D12); absent: first. */
    readonly priority?: number;
  }[];
}
