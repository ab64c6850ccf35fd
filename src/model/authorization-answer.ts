import type { Protocol } from './policy.ts';
import type { AnswerPlace } from './route-answer.ts';
import type { MutualTlsMode } from './security-policy.ts';

/** What `weft authz` asks: a call as a program makes it, and what else of it rules may look at. */
export interface AuthorizationQuestion {
  /** A workload, a service, or a principal `<trust domain>/ns/<namespace>/sa/<account>`; absent: a caller without an identity. */
  readonly from?: string;
  readonly namespace: string;
  readonly host: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The address that the caller's connection comes from; absent: not known. */
  readonly address?: string;
  /** Claims of a valid token, as JSON has them; absent: it sends none. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Whether the call is let in, and by which rule. Fit to be printed as JSON. */
export interface AuthorizationAnswer {
  readonly from: { readonly name: string; readonly namespace: string; readonly principal?: string };
  readonly to: {
    readonly host: string;
    readonly service?: string;
    readonly port?: number;
    readonly protocol?: Protocol;
  };
  /** As rules see it; absent: bytes that nobody reads, or no call at all. */
  readonly request?: { readonly method: string; readonly authority: string; readonly path?: string };
  /**
   * `differs`: not alike for all workloads. `nowhere`: the call comes to no workload. `pass`, `refuse`: of a host or port that the caller does
   * not know, as `weft route` has it.
   */
  readonly outcome: 'allowed' | 'refused' | 'asked' | 'unknown' | 'differs' | 'nowhere' | 'pass' | 'refuse';
  /** Of `pass` and `refuse`: who decides that, and what the caller gets. */
  readonly by?: AnswerPlace;
  readonly status?: number;
  readonly notes: readonly string[];
  readonly answers: readonly WorkloadAnswer[];
}

/** What becomes of the call before workloads that answer alike. */
export interface WorkloadAnswer {
  /** `reviews-1.shop`; of files, the service or entry. */
  readonly workloads: readonly string[];
  readonly service: string;
  /** The application's port. */
  readonly port: number;
  /** Absent: no sidecar stands before it, so that nothing is refused, or it is disconnected. */
  readonly mode?: { readonly value: MutualTlsMode; readonly by: AnswerPlace };
  /** Whether the caller shows its identity there. */
  readonly identified: boolean;
  readonly outcome: 'allowed' | 'refused' | 'asked' | 'unknown';
  readonly why: AnswerReason;
  /** What the caller gets where it is refused. */
  readonly status?: number | 'closed';
  /** Of `closed`: only when the caller's first byte comes. A server that speaks first is heard until then (decision 10). */
  readonly atFirstByte?: true;
  /** Of `answered` and `no-keys`: why, in words. */
  readonly because?: string;
  /** Of `disconnected`: for how many milliseconds; absent: since before the control plane started. */
  readonly disconnectedFor?: number;
  /** The rule that decides. */
  readonly rule?: AnswerRule;
  /** Of `no-allow-rule`: the rule of which the fewest conditions fail. */
  readonly nearest?: AnswerRule & { readonly fails: readonly string[] };
  /** Of `no-allow-rule` where no policy has a rule for this port: one of the policies that close it so. */
  readonly closedBy?: AnswerPlace;
  /** Of `unknown`: the rules that what was not said decides. */
  readonly depends?: readonly AnswerRule[];
  /** Of `custom`: the authorizer that is asked. */
  readonly provider?: string;
  /**
   * Of `custom`: why the authorizer does not answer the workload, so that the outcome is what its failure is (`asked`: it answers some
   * questions and others not); and what to do.
   */
  readonly unanswered?: { readonly text: string; readonly fix: string; readonly by?: AnswerPlace };
  /** AUDIT rules that match. */
  readonly audited?: readonly AnswerRule[];
  /** What policies in dry-run would decide. */
  readonly dryRun?: {
    readonly outcome: WorkloadAnswer['outcome'];
    readonly why: AnswerReason;
    readonly rule?: AnswerRule;
  };
}

export type AnswerReason =
  | 'no-sidecar'
  /** A host outside of the mesh, which has none. */
  | 'external'
  /** A sidecar stands there and is not connected at present: what it decides is by the policies that it had. */
  | 'disconnected'
  /** By Envoy itself, before any rule: a token that nobody takes, a path that is none. */
  | 'answered'
  /** Nobody gives the sidecar the keys of the token: it is taken only where keys from before are good still. */
  | 'no-keys'
  | 'strict'
  | 'deny'
  | 'allow'
  | 'no-allow-rule'
  | 'no-allow-policy'
  | 'custom'
  | 'depends';

export interface AnswerRule {
  /** `ns[shop]-policy[reviews-callers]-rule[0]`, as Envoy names it in response_code_details. */
  readonly id: string;
  readonly by: AnswerPlace;
  /** `caller=demo.mesh/ns/shop/sa/web, method=GET` */
  readonly text: string;
}
