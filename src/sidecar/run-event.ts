import type { Failure } from '../model/failure.ts';
import type { ServedCertificate } from './readiness.ts';

/** `starting`: no Envoy yet; `connecting`: Envoy runs without a stream; `configuring`: stream there, configuration incomplete. */
export type SidecarState =
  | 'starting'
  | 'connecting'
  | 'configuring'
  | 'ready'
  | 'disconnected'
  | 'restarting'
  | 'leaving'
  | 'draining'
  | 'stopped';

/** A service port that leads to this workload: `payments.shop`, 80, `http`. */
export interface OwnAddress {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

/** What happens to a sidecar, in order; `weft run -o json` prints one a line (section 1.3 of experience.md). */
export type RunEvent =
  /** `admin`: the unix socket (`unix:/path`) or `address:port`. */
  | { readonly event: 'envoy'; readonly state: SidecarState; readonly pid: number; readonly admin: string }
  | { readonly event: 'connected'; readonly state: SidecarState }
  /** Why there is no stream, told once for each different reason. */
  | { readonly event: 'problem'; readonly state: SidecarState; readonly failure: Failure }
  | {
      readonly event: 'ready';
      readonly state: SidecarState;
      /** Since Envoy's start, in milliseconds. */
      readonly ms: number;
      readonly listeners: number;
      readonly clusters: number;
      readonly certificate?: ServedCertificate;
      /** The service ports that lead here, as `weft run` was told them; empty: none does. Absent: it serves nothing, or nobody said. */
      readonly addresses?: readonly OwnAddress[];
    }
  /** Envoy refused a resource, or is kept from it since an equal one refused it; told once. `place` as `file:line (commit)`, where it is known. */
  | {
      readonly event: 'refused';
      readonly state: SidecarState;
      readonly type: string;
      /** Empty where only Envoy's words are known. */
      readonly resource: string;
      readonly message: string;
      readonly place?: string;
    }
  /** That refusal is over: other content was accepted, or it is not wanted any more. */
  | { readonly event: 'accepted'; readonly state: SidecarState; readonly type: string; readonly resource: string }
  /** What the workload's group wants probed, every `period` milliseconds; without `probe` nothing any more. */
  | { readonly event: 'probing'; readonly state: SidecarState; readonly probe?: string; readonly period?: number }
  /** Probes made known that the application is well, or not and why: callers hear of it. */
  | { readonly event: 'health'; readonly state: SidecarState; readonly healthy: boolean; readonly reason?: string }
  /** Envoy ended by itself; the next one starts after `retryIn` milliseconds. */
  | { readonly event: 'crashed'; readonly state: SidecarState; readonly how: string; readonly retryIn: number }
  | { readonly event: 'leaving'; readonly state: SidecarState }
  /** `pending`: callers that had not acknowledged; `problem`: the goodbye did not arrive. */
  | { readonly event: 'left'; readonly state: SidecarState; readonly pending: number; readonly problem?: string }
  /** `unfinished`: requests that were still running when the time was over. */
  | { readonly event: 'drained'; readonly state: SidecarState; readonly unfinished: number }
  | { readonly event: 'stopped'; readonly state: SidecarState };
