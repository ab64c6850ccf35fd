import type { Millis } from './policy.ts';

/** Active checks of a host's endpoints, made by its clients. */
export interface HealthCheckSpec {
  readonly host: string;
  /** A service port; absent: every port that the probe fits. */
  readonly port?: number;
  readonly interval: Millis;
  readonly timeout: Millis;
  /** Failures in a row that make a healthy endpoint unhealthy, and successes the other way. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  readonly probe: HealthProbe;
}

export type HealthProbe =
  /** GET of a path; the status code must be in one of `expect`. */
  | { readonly kind: 'http'; readonly path: string; readonly expect: readonly StatusRange[] }
  /** The gRPC health service; without `service` it is asked about the whole server. */
  | { readonly kind: 'grpc'; readonly service?: string }
  /** A connection that comes to be. */
  | { readonly kind: 'tcp' };

/** Both ends belong to it. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}
