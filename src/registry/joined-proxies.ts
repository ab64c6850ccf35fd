import type { MeshSettings } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import { createCell } from '../model/readable.ts';
import { withEntries } from '../model/sorted-map.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { Workload } from '../model/workload.ts';
import type { GroupsOf } from '../model/workload-groups.ts';
import { createDebouncedSave } from './debounced-save.ts';
import type { JoinCredential, JoiningNode } from './join-claims.ts';
import { checkClaims } from './join-claims.ts';
import type { JoinHealth } from './join-health.ts';
import type { JoinRefusal } from './join-refusal.ts';
import { Refused } from './join-refusal.ts';
import type { Expiry } from './joined-members.ts';
import { JoinedMembers } from './joined-members.ts';
import { keepIdentity } from './keep-identity.ts';
import { loadWorkloads, savedWorkloadsKey, saveWorkloads } from './saved-workloads.ts';

export interface JoinedProxiesOptions {
  readonly settings: MeshSettings;
  readonly clock: Clock;
  readonly store: StateStore;
  /** How long a workload stays after its stream is lost, in milliseconds; 10 s. */
  readonly grace?: number;
  /** How long a workload known before a restart may take to come back, in milliseconds; 60 s. */
  readonly restoreGrace?: number;
  /** At most so many removals in any second, not counting goodbyes; 20. */
  readonly removalsPerSecond?: number;
  /** The groups of the policies that are served; absent: there are none. */
  readonly groups?: GroupsOf;
  /** Told who has joined. */
  readonly health?: Pick<JoinHealth, 'joined'>;
}

/** One ADS stream: an id that is never used twice, and the other end of its TCP connection. */
export interface JoinStream {
  readonly id: string;
  readonly peerAddress: string;
}

export type JoinResult =
  | { readonly kind: 'joined'; readonly proxy: Proxy; readonly workload: Workload }
  | { readonly kind: 'refused'; readonly refused: JoinRefusal };

export interface JoinedStatus {
  readonly connected: number;
  /** Without a stream, within their grace period. */
  readonly lost: number;
  readonly draining: number;
  /** Due, but held by self-preservation (F20). */
  readonly withheldRemovals: number;
  readonly stale: readonly string[];
  /** Why the state could not be read or written; undefined if it could. */
  readonly problem: string | undefined;
}

export interface JoinedProxies {
  readonly workloads: Readable<ReadonlyMap<string, Workload>>;
  /** Reads what was known before a restart. Call it before the first answer to any stream (F2). */
  restore(): Promise<void>;
  join(stream: JoinStream, credential: JoinCredential, node: JoiningNode): JoinResult;
  /** Why a stream with this node would be refused now; undefined: it would not. Nothing changes. */
  wouldRefuse(credential: JoinCredential, node: JoiningNode, peerAddress: string): JoinRefusal | undefined;
  /** The stream ended, whyever. A stream that never joined or was replaced by a newer one changes nothing. */
  leave(streamId: string): void;
  /** When the stream of a workload was lost, in milliseconds since 1970; undefined: it has one, or was not back since a restart. */
  lostSince(id: string): number | undefined;
  /** `weft run` stops: endpoints go at once, the proxy's configuration stays until its stream ends. False: no such workload. */
  goodbye(id: string): boolean;
  /** Removes what self-preservation holds, an operator's decision; returns how many are let go. */
  release(): number;
  status(): JoinedStatus;
  /** Writes the state; rejects if the store does. */
  flush(): Promise<void>;
  /** Stops timers and writes the state. Streams that end afterwards no longer count as lost. */
  close(): Promise<void>;
}

/** Longer than a network or a control plane is away as a rule; after it a mass loss counts as real (F20). */
const longestHold = 10 * 60_000;

/**
 * The registry source of authenticated ADS streams: a workload stays for a grace period after its stream is lost, and a restart of
 * the control plane withdraws nothing (F2, F4, F20).
 */
export function createJoinedProxies(options: JoinedProxiesOptions): JoinedProxies {
  const { settings, clock, store, grace = 10_000, restoreGrace = 60_000, removalsPerSecond = 20 } = options;
  const limits = { perSecond: removalsPerSecond, share: 0.15, atLeast: 5, hold: longestHold };
  const joined = new JoinedMembers();
  const proxies = new Map<string, Proxy>();
  const workloads = createCell<ReadonlyMap<string, Workload>>(new Map());
  const save = createDebouncedSave(store, clock, savedWorkloadsKey, () =>
    saveWorkloads({ known: [...joined.members.values()], drained: joined.drained }),
  );
  let withheld: Expiry['withheld'] = [];
  let published = joined.revision;
  let timer: { readonly at: number; readonly cancel: () => void } | undefined;
  let unreadable: string | undefined;
  let closed = false;

  /** Looks again at `at`, or at the time that is planned already if that is sooner. */
  const plan = (at: number) => {
    if (timer !== undefined && timer.at <= at) return;
    timer?.cancel();
    timer = { at, cancel: clock.after(Math.max(0, at - clock.now()), settle) };
  };
  /** After an event: removes what is due, plans the next look, publishes. */
  const settle = () => {
    timer?.cancel();
    timer = undefined;
    const expiry = joined.expire(clock.now(), limits);
    withheld = expiry.withheld;
    if (expiry.next !== undefined) plan(expiry.next);
    if (joined.revision === published) return;
    published = joined.revision;
    const changed = new Map(joined.takeChanged().map((id) => [id, joined.members.get(id)?.workload]));
    for (const [id, workload] of changed) if (workload === undefined) proxies.delete(id);
    save.changed();
    workloads.set(withEntries(workloads.get(), changed));
  };

  const memberOf = (id: string, run: string | undefined): Workload | undefined => {
    const member = joined.members.get(id);
    return member?.run === run ? member?.workload : undefined;
  };

  return {
    workloads,
    async restore() {
      try {
        const bytes = await store.read(savedWorkloadsKey);
        if (bytes) {
          const { known, drained } = loadWorkloads(bytes, settings);
          for (const workload of known) joined.restore(workload, clock.now() + restoreGrace);
          for (const run of drained) joined.restoreDrained(run, clock.now());
        }
      } catch (error) {
        if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
        unreadable = `${savedWorkloadsKey}: ${error.message}`;
      }
      settle();
    },
    join(stream, credential, node) {
      try {
        const claim = checkClaims(credential, node, stream.peerAddress, settings, options.groups, memberOf);
        const proxy = keepIdentity(proxies.get(claim.proxy.id), claim.proxy);
        const workload = joined.admit(stream.id, claim, clock.now());
        proxies.set(proxy.id, proxy);
        options.health?.joined(proxy.id, claim.run, claim.group?.spec.probe !== undefined);
        settle();
        return { kind: 'joined', proxy, workload };
      } catch (error) {
        if (error instanceof Refused) return { kind: 'refused', refused: error.refusal };
        throw error;
      }
    },
    wouldRefuse(credential, node, peerAddress) {
      try {
        checkClaims(credential, node, peerAddress, settings, options.groups, memberOf);
        return undefined;
      } catch (error) {
        if (error instanceof Refused) return error.refusal;
        throw error;
      }
    },
    leave(streamId) {
      if (closed) return;
      const removeAt = clock.now() + grace;
      joined.lose(streamId, clock.now(), removeAt);
      // Most losses change nothing yet: when thousands come at once, each costs as little as one.
      if (joined.revision === published) plan(removeAt);
      else settle();
    },
    lostSince: (id) => joined.members.get(id)?.lostAt,
    goodbye(id) {
      const known = joined.drain(id, clock.now());
      if (known) settle();
      return known;
    },
    release() {
      const released = joined.release(clock.now());
      settle();
      return released;
    },
    status() {
      const members = [...joined.members.values()];
      return {
        connected: members.filter((member) => member.stream !== undefined).length,
        lost: members.filter((member) => member.stream === undefined).length - withheld.length,
        draining: members.filter((member) => member.workload.health === 'draining').length,
        withheldRemovals: withheld.length,
        stale: withheld,
        problem: save.problem() ?? unreadable,
      };
    },
    flush: () => save.flush(),
    close() {
      closed = true;
      timer?.cancel();
      timer = undefined;
      return save.flush();
    },
  };
}
