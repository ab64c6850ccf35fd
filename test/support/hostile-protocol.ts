import type { Certificates, ResourceText, ServerCommands } from '../../bench/support/protocol.ts';
import type { AdmissionSettings } from '../../src/xds/admission.ts';
import type { RequestLimits } from '../../src/xds/request-limits.ts';
import type { ConnectionSettings } from '../../src/xds/server-options.ts';

/** What a test may choose about the server; what it leaves out has the defaults, but for the admission, which is as good as off. */
export interface HostileOptions {
  readonly connection?: Partial<ConnectionSettings>;
  readonly limits?: Partial<RequestLimits>;
  readonly admission?: Partial<AdmissionSettings> | 'default';
}

/** Bytes, after full garbage collections. */
export interface Memory {
  readonly heap: number;
  readonly external: number;
  readonly rss: number;
  /** The largest that the process ever was. */
  readonly peakRss: number;
}

/** What has happened since the start. */
export interface Account {
  /** Open streams of nodes whose id begins with `sidecar~`, as those of the load client do, and of all others. */
  readonly good: number;
  readonly others: number;
  readonly opened: number;
  readonly acked: number;
  /** Events `refused`, by status code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Events `failed`: what they say, each once. */
  readonly failures: readonly string[];
  /** Changes of `churn` that are still to come. */
  readonly churning: number;
  /** Resources told as removed although they are there. */
  readonly withdrawals: number;
}

/** What hostile-server.ts understands: a server like those of the benchmarks, and what tests of bad input ask it. */
export interface HostileCommands extends ServerCommands {
  start(details: {
    readonly resources: readonly ResourceText[];
    readonly certificates?: Certificates;
    readonly options?: HostileOptions;
  }): Promise<{ readonly port: number }>;
  account(details: object): Account;
  settle(details: object): Promise<Memory>;
  /** Memory as it stands, nothing collected. */
  memory(details: object): Memory;
  /** Makes garbage from now on, in every turn of the event loop. */
  litter(details: object): object;
  /** Begins to change the resource `churned`, so many times, with so many bytes and milliseconds between two changes. */
  churn(details: { readonly count: number; readonly bytes: number; readonly every: number }): object;
}

/** The resource that `churn` changes. */
export const churned = 'churned';
