import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import type { Clock } from '../model/state-store.ts';
import type { Slot } from './rotation.ts';
import { startRotation } from './start-rotation.ts';
import type { IssuingSigner, TrustedRoot } from './trusted-root.ts';

/** The issuing certificate under each trusted root, renewed at half its life where the root's key is here. */
export interface Issuers {
  /** The issuer under a root, never an expired one. Throws Failure WEFT0909. */
  of(fingerprint: string): IssuingSigner;
  /** What is known of it without renewing anything; undefined where there is none. */
  told(
    fingerprint: string,
  ): { readonly issuer: IssuingSigner; readonly renewsAt: Millis; readonly problem: unknown } | undefined;
  /** Begins with these roots, keeps those it has, and forgets the others. */
  keep(roots: readonly TrustedRoot[]): void;
  dispose(): void;
}

interface Entry {
  readonly get: () => IssuingSigner;
  readonly renewsAt: () => Millis;
  readonly problem: () => unknown;
  readonly dispose: () => void;
  last: IssuingSigner;
}

/** `make` makes an issuer under a root (and may throw); `onRenewed` hears of every one that was not given by `keep`. */
export function createIssuers(options: {
  readonly clock: Clock;
  readonly make: (root: TrustedRoot) => IssuingSigner;
  readonly onRenewed: (root: TrustedRoot, issuer: IssuingSigner) => void;
}): Issuers {
  const { clock, make, onRenewed } = options;
  const entries = new Map<string, Entry>();
  const failures = new Map<string, unknown>();

  const begin = (root: TrustedRoot): Entry => {
    const { slot, issuer: known } = root;
    const toSlot = (issuer: IssuingSigner): Slot<IssuingSigner> => {
      const { notBefore, notAfter } = issuer.certificate;
      const end = Math.min(notAfter, issuer.notAfter);
      // One that was brought from outside is renewed by whoever brought it: nothing is tried, and nothing complained of, before its end.
      const isOurs = root.key !== undefined || slot.source === 'made';
      return {
        value: issuer,
        notBefore,
        notAfter: end,
        renewAt: isOurs ? notBefore + (notAfter - notBefore) / 2 : end,
      };
    };
    const rotation = startRotation<IssuingSigner>({
      clock,
      ...(known && { initial: toSlot(known) }),
      issue: () => toSlot(make(root)),
    });
    const { get, renewsAt, problem, dispose } = rotation;
    const entry: Entry = { get, renewsAt, problem, dispose, last: get() };
    rotation.watch((issuer) => {
      entry.last = issuer;
      onRenewed(root, issuer);
    });
    if (entry.last !== known) onRenewed(root, entry.last);
    return entry;
  };

  return {
    of(fingerprint) {
      const entry = entries.get(fingerprint);
      if (entry) return entry.get();
      throw (
        failures.get(fingerprint) ??
        new Failure(
          'WEFT0909',
          'no certificate can be issued: its root is not trusted',
          'weft cert list shows the roots',
        )
      );
    },
    told(fingerprint) {
      const entry = entries.get(fingerprint);
      return entry && { issuer: entry.last, renewsAt: entry.renewsAt(), problem: entry.problem() };
    },
    keep(roots) {
      const kept = new Set(roots.map(({ slot }) => slot.fingerprint));
      for (const [fingerprint, entry] of entries) {
        if (kept.has(fingerprint)) continue;
        entry.dispose();
        entries.delete(fingerprint);
      }
      failures.clear();
      for (const root of roots) {
        const { fingerprint } = root.slot;
        if (entries.has(fingerprint)) continue;
        try {
          entries.set(fingerprint, begin(root));
        } catch (error) {
          // A root under which nothing can be signed may still be trusted; whoever asks for its issuer hears why there is none.
          failures.set(fingerprint, error);
        }
      }
    },
    dispose() {
      for (const entry of entries.values()) entry.dispose();
    },
  };
}
