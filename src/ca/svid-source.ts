import type { KeyObject } from 'node:crypto';
import { type Identity, type SpiffeId, spiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import type { Unwatch } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { Authority, ServerNames } from './authority.ts';
import { trustedRoots } from './root-rotation.ts';
import { renewalTime, type Slot } from './rotation.ts';
import { type Rotation, startRotation } from './start-rotation.ts';
import type { HeldCertificate, IssuedCertificate, SignedSvid, Svid } from './svid.ts';

/** One X509-SVID for each identity in use, shared by all its proxies and renewed before it ends. */
export interface SvidSource {
  /** The current SVID, never an expired one. Throws Failure WEFT0909 if there is none to be had. */
  get(identity: Identity): Svid;
  /** Calls `onChange` after each renewal, until the returned function is called. The key is kept while anybody watches. */
  subscribe(identity: Identity, onChange: (svid: Svid) => void): Unwatch;
  /**
   * An X509-SVID for a key that the workload keeps. `holder` (a proxy's id) is who has it: the newest of each is remembered until it
   * ends (`signed`). Throws Failure WEFT0909.
   */
  issue(identity: Identity, publicKey: KeyObject, holder: string): SignedSvid;
  /** The newest of each holder that has not ended. */
  signed(): ReadonlyMap<string, HeldCertificate>;
  /** When the SVID of a held identity will be renewed, in milliseconds since 1970; undefined for one that is not held. */
  renewsAt(identity: Identity): Millis | undefined;
  /** SPIFFE IDs of which a key is held. */
  held(): readonly SpiffeId[];
  dispose(): void;
}

export interface SourceOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  /** Milliseconds; absent: 24 h. */
  readonly ttl?: Millis;
  /** In [0, 1); absent: Math.random. */
  readonly random?: () => number;
  /** By holder: what was issued before this process began, and is held still. */
  readonly before?: ReadonlyMap<string, HeldCertificate>;
}

/** A proxy that reconnects within this time finds its identity's SVID again, and gets nothing new. */
const linger: Millis = 60_000;

/** After a change of root: between two renewals, and for all of them. Well below the time in which a compromised root must go. */
const renewalPause: Millis = 10;
const longestSpread: Millis = 5_000;

interface Entry {
  readonly rotation: Rotation<Svid>;
  readonly watchers: Set<symbol>;
  cancelRelease: () => void;
}

/** Creates the source. A key that nobody watches is forgotten after a minute. */
export function createSvidSource(options: SourceOptions): SvidSource {
  const { authority, clock, ttl } = options;
  const entries = new Map<SpiffeId, Entry>();

  const entryOf = (identity: Identity): Entry => {
    const id = spiffeId(identity);
    const known = entries.get(id);
    if (known) return known;
    const issue = () => authority.issue(identity, ttl === undefined ? {} : { ttl });
    const rotation = rotating(options, issue);
    const entry: Entry = { rotation, watchers: new Set(), cancelRelease: () => undefined };
    entries.set(id, entry);
    releaseLater(id, entry);
    return entry;
  };
  // Under another root everything is renewed: spread over some seconds, so that neither this process nor the proxies do it all at once.
  let signing = authority.roots.get().signing.fingerprint;
  const cancels = new Set<() => void>();
  const unwatchRoots = authority.roots.watch((roots) => {
    if (roots.signing.fingerprint === signing) return;
    signing = roots.signing.fingerprint;
    for (const cancel of cancels) cancel();
    cancels.clear();
    [...entries.values()].forEach((entry, index) => {
      const renew = () => {
        cancels.delete(cancel);
        if (entry.rotation.get().root !== signing) entry.rotation.renew();
      };
      const cancel = clock.after(index * Math.min(renewalPause, longestSpread / entries.size), renew);
      cancels.add(cancel);
    });
  });
  const releaseLater = (id: SpiffeId, entry: Entry): void => {
    entry.cancelRelease();
    entry.cancelRelease = clock.after(linger, () => {
      if (entry.watchers.size > 0 || entries.get(id) !== entry) return;
      entries.delete(id);
      entry.rotation.dispose();
    });
  };

  const signed = new Map<string, HeldCertificate>(
    [...(options.before ?? [])].sort(([, one], [, other]) => one.notAfter - other.notAfter),
  );
  const forgetEnded = (): void => {
    const now = clock.now();
    for (const [holder, { notAfter }] of signed) if (notAfter <= now) signed.delete(holder);
  };
  // Where it is done at each issuance, it is the work for one: as a rule what was issued first ends first.
  const forgetOldest = (): void => {
    const now = clock.now();
    for (const [holder, { notAfter }] of signed) {
      if (notAfter > now) return;
      signed.delete(holder);
    }
  };

  return {
    issue(identity, publicKey, holder) {
      const leaf = authority.sign(identity, publicKey, ttl === undefined ? {} : { ttl });
      const { issuedAt, notAfter } = leaf;
      const svid = { ...leaf, renewAt: renewalTime(issuedAt, notAfter, (options.random ?? Math.random)()) };
      // Deleted first: the map then stands in the order of issuance, the oldest at its head.
      signed.delete(holder);
      forgetOldest();
      signed.set(holder, svid);
      return svid;
    },
    signed() {
      forgetEnded();
      return new Map(signed);
    },
    get: (identity) => entryOf(identity).rotation.get(),
    subscribe(identity, onChange) {
      const entry = entryOf(identity);
      const watcher = Symbol('watcher');
      entry.watchers.add(watcher);
      entry.cancelRelease();
      const unwatch = entry.rotation.watch(onChange);
      return () => {
        unwatch();
        if (entry.watchers.delete(watcher) && entry.watchers.size === 0) releaseLater(spiffeId(identity), entry);
      };
    },
    renewsAt: (identity) => entries.get(spiffeId(identity))?.rotation.renewsAt(),
    held: () => [...entries.keys()].sort(),
    dispose() {
      unwatchRoots();
      for (const cancel of cancels) cancel();
      for (const entry of entries.values()) {
        entry.cancelRelease();
        entry.rotation.dispose();
      }
      entries.clear();
    },
  };
}

/**
 * The control plane's own certificate (`xds.weft` and `names`), renewed like an SVID. `root`: fingerprint of the trusted root that it is
 * to be under; absent: always the one that has been trusted longest. Throws Failure WEFT0909 at the start.
 */
export function createServerCertificateSource(
  options: SourceOptions & { readonly names: ServerNames; readonly root?: string },
): Rotation<IssuedCertificate> {
  const { authority, names, ttl, root } = options;
  const rotation = rotating(options, () =>
    authority.issueServer(names, { ...(ttl !== undefined && { ttl }), ...(root !== undefined && { root }) }),
  );
  if (root !== undefined) return rotation;
  const unwatch = authority.roots.watch((roots) => {
    if (trustedRoots(roots)[0]?.fingerprint !== rotation.get().root) rotation.renew();
  });
  return {
    ...rotation,
    dispose() {
      unwatch();
      rotation.dispose();
    },
  };
}

function rotating<T extends IssuedCertificate>(
  { clock, random = Math.random }: SourceOptions,
  issue: () => T,
): Rotation<T> {
  const toSlot = (value: T): Slot<T> => {
    const { notBefore, notAfter, issuedAt } = value;
    return { value, notBefore, notAfter, renewAt: renewalTime(issuedAt, notAfter, random()) };
  };
  return startRotation({ clock, issue: () => toSlot(issue()) });
}
