import type { Authority } from '../ca/authority.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import type { Millis } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';

/** Which roots sidecars know the control plane by, and what they are told of it. */
export interface TrustDesk {
  /** `pinned` absent: it is not known yet, and nothing is noted of it. `own`: it keeps its own key. */
  answer(
    nodeId: string,
    pinned: readonly string[] | undefined,
    own: boolean,
  ): { readonly roots: readonly string[]; readonly renew: boolean; readonly askAgainIn: Millis };
  /** Why a proxy would not find the control plane again under this root alone; undefined: it would. */
  notPinned(proxy: Pick<Proxy, 'id' | 'helped' | 'roots'>, root: string): string | undefined;
}

/** Asked for by every sidecar; while a root changes more often, as the change waits for them. */
const calm: Millis = 20_000;
const rotating: Millis = 2_000;
const mostPinned = 100_000;
const mostRoots = 8;

function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/**
 * The connection to the control plane outlives a change of root, too: a sidecar of `weft run` takes the roots of the bundle, one that is
 * started without it has them in its bootstrap. What sidecars told is in memory; after a restart they tell it again. `renaming`: the trust
 * domain has a new name (`ca.acceptFormer`), so a certificate that this process did not sign is replaced.
 */
export function createTrustDesk(
  authority: Pick<Authority, 'bundle' | 'roots'>,
  svids: Pick<SvidSource, 'signed'>,
  renaming = false,
): TrustDesk {
  const told = new Map<string, readonly string[]>();
  return {
    answer(nodeId, pinned, own) {
      if (pinned !== undefined) {
        told.delete(nodeId);
        told.set(nodeId, pinned.filter(isFingerprint).slice(0, mostRoots));
      }
      const [oldest] = told.keys();
      if (told.size > mostPinned && oldest !== undefined) told.delete(oldest);
      const { phase, signing } = authority.roots.get();
      // Before the next root signs there is nothing to renew; of a certificate that is not remembered nobody knows.
      const replacing = phase === 'activated' || phase === 'returning';
      const held = own ? svids.signed().get(nodeId) : undefined;
      const renew = own && ((replacing && held?.root !== signing.fingerprint) || (renaming && held === undefined));
      const { roots } = authority.bundle.get();
      return { roots, renew, askAgainIn: phase === 'steady' ? calm : rotating };
    },
    notPinned({ id, helped, roots }, root) {
      const known = told.get(id) ?? roots;
      if (known?.includes(root)) return undefined;
      return helped === true
        ? 'it does not know the control plane by the new root yet'
        : 'its bootstrap knows the control plane by the old root alone: write it again (weft bootstrap) and start its Envoy anew';
    },
  };
}
