import type { Admission } from './admission.ts';
import type { Clock } from './clock.ts';
import type { LiveStreams } from './live-streams.ts';
import type { Timing } from './make-before-break.ts';
import type { createNameAccounts } from './name-accounts.ts';
import type { Seal } from './plan.ts';
import type { Quarantine } from './quarantine.ts';
import type { createRequestReader } from './read-request.ts';
import type { RequestLimits } from './request-limits.ts';
import type { Resource } from './resource.ts';
import type { ConnectionSettings, OpenSession, XdsServerOptions } from './server-options.ts';
import type { VirtualHosts } from './stream-state.ts';
import type { TurnQueue } from './turn-queue.ts';

/** What the streams of a server share. */
export interface StreamHost<Principal> {
  readonly authenticate: NonNullable<XdsServerOptions<Principal>['authenticate']>;
  readonly open: OpenSession<Principal>;
  readonly observe: NonNullable<XdsServerOptions<Principal>['observe']>;
  /** What is wrong with a resource; never throws. */
  readonly inspect: (resource: Resource) => string | undefined;
  readonly clock: Clock;
  readonly timing: Timing;
  readonly settings: ConnectionSettings;
  readonly virtualHosts: VirtualHosts;
  readonly limits: RequestLimits;
  readonly read: ReturnType<typeof createRequestReader>;
  readonly seal: Seal;
  readonly admission: Admission;
  readonly quarantine: Quarantine;
  readonly queue: TurnQueue;
  /** A stream of this peer has begun. */
  readonly begins: (peer: string) => void;
  /** A stream of this peer waits for its admission: it is not its fault that nothing comes of it. */
  readonly waits: (peer: string) => void;
  readonly streams: LiveStreams<Principal>;
  readonly names: ReturnType<typeof createNameAccounts>;
  nextNumber(): number;
}
