import type { Authority } from '../ca/authority.ts';
import type { RootStep } from '../ca/authority-steps.ts';
import { type RootState, trustedRoots } from '../ca/root-rotation.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import type { Actor } from '../model/audit-event.ts';
import { parseSpiffeId } from '../model/identity.ts';
import type { Proxy } from '../model/proxy.ts';
import type { PendingProxy, RotationStatus, RotationStep } from '../model/rotation-status.ts';
import type { StreamStatus } from '../xds/status.ts';
import { nextStep, notProved, type ProofOf } from './bundle-proof.ts';
import { bundleVersion, identityVersion } from './secret-versions.ts';

/** Changes of root as people ask for them and see them. */
export interface RootRotationDesk {
  status(): RotationStatus;
  /** Takes a step; one that is taken already changes nothing. Rejects with Failure WEFT0306, who is awaited stands in it. */
  step(step: RotationStep, by: Actor): Promise<RotationStatus>;
  /** A root is in wrong hands; absent: the one that signs, or signed before. */
  distrust(fingerprint: string | undefined, by: Actor): Promise<RotationStatus>;
}

/** A connected proxy with what its newest stream says. */
export interface LiveProxy {
  readonly proxy: Proxy;
  readonly stream: () => Pick<StreamStatus<unknown>, 'types'> | undefined;
}

/**
 * Joins the rotation of roots (ca/root-rotation.ts) with the proof that each live proxy follows (F9): the authority keeps the state and
 * the keys, here is who has acknowledged what. Nothing of it is remembered: after a crash the streams tell it anew.
 */
export function createRootRotationDesk(options: {
  readonly authority: Pick<Authority, 'roots' | 'bundle' | 'rotate'>;
  readonly svids: Pick<SvidSource, 'get' | 'signed'>;
  readonly live: () => readonly LiveProxy[];
  /** Ids of the workloads that the registry knows; those without a stream are awaited, after a restart for example. */
  readonly known: () => Iterable<string>;
  /** Why a proxy would not find the control plane again under this root alone (its fingerprint); undefined: it would. */
  readonly notPinned: (proxy: Proxy, root: string) => string | undefined;
}): RootRotationDesk {
  const { authority, svids, live, known, notPinned } = options;

  const proofOf = (proxy: Proxy, state: RootState): ProofOf => {
    const bundle = bundleVersion(authority.bundle.get().roots);
    if (nextStep(state.phase) !== 'finish') return { bundle };
    if (proxy.identityFolder !== undefined) {
      // The certificate of its own key does not travel by SDS: that it was asked for is all there is to see.
      const isRenewed = svids.signed().get(proxy.id)?.root === state.signing.fingerprint;
      return isRenewed ? { bundle } : { bundle, identity: { version: undefined, isRenewed } };
    }
    const identity = parseSpiffeId(proxy.identity);
    if (identity === undefined) return { bundle };
    try {
      const svid = svids.get(identity);
      const isRenewed = svid.root === state.signing.fingerprint;
      return { bundle, identity: { version: identityVersion(svid), isRenewed } };
    } catch {
      // None can be had (WEFT0909): told where certificates are.
      return { bundle, identity: { version: undefined, isRenewed: false } };
    }
  };

  const look = (state: RootState): { readonly proxies: number; readonly pending: readonly PendingProxy[] } => {
    const proxies = live();
    const connected = new Set(proxies.map(({ proxy }) => proxy.id));
    const absent = [...known()].filter((id) => !connected.has(id));
    const total = proxies.length + absent.length;
    const next = nextStep(state.phase);
    if (next === undefined) return { proxies: total, pending: [] };
    const pending = [
      ...proxies.flatMap(({ proxy, stream }) => {
        const reason =
          notProved(stream(), proofOf(proxy, state)) ??
          (next === 'finish' ? notPinned(proxy, state.signing.fingerprint) : undefined);
        return reason === undefined ? [] : [{ proxy: proxy.id, reason }];
      }),
      ...absent.map((proxy) => ({ proxy, reason: 'it has no stream, and is awaited' })),
    ];
    return { proxies: total, pending: pending.sort((a, b) => (a.proxy < b.proxy ? -1 : 1)) };
  };

  // All had the roots of this generation at one time: while nothing changes no stream is looked at again.
  let reached = 1;
  const behind = ({ phase, generation }: RootState): readonly PendingProxy[] => {
    if (phase !== 'steady' || generation === reached) return [];
    const bundle = bundleVersion(authority.bundle.get().roots);
    const found = live().flatMap(({ proxy, stream }) => {
      const open = stream();
      const reason = open && notProved(open, { bundle });
      return reason === undefined ? [] : [{ proxy: proxy.id, reason }];
    });
    if (found.length === 0) reached = generation;
    return found.sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
  };

  const status = (): RotationStatus => {
    const state = authority.roots.get();
    const { phase, generation, signing, begun, deadlines } = state;
    const next = nextStep(phase);
    const { proxies, pending } = look(state);
    const left = behind(state);
    return {
      generation,
      phase,
      roots: trustedRoots(state).map(({ fingerprint, trustDomain, notBefore, notAfter, source }) => ({
        fingerprint,
        trustDomain,
        notBefore: iso(notBefore),
        notAfter: iso(notAfter),
        source,
        signs: fingerprint === signing.fingerprint,
      })),
      ...(begun && { begun: { at: iso(begun.at), by: begun.by } }),
      ...(deadlines && { deadlines: { activate: iso(deadlines.activate), finish: iso(deadlines.finish) } }),
      ...(next && { next }),
      proxies,
      acked: proxies - pending.length,
      pending,
      ...(left.length > 0 && { behind: left }),
    };
  };

  const pendingFor = (step: 'activate' | 'finish') => (): readonly string[] => {
    const state = authority.roots.get();
    // What another phase waits for says nothing about this step; the machine refuses it, or it is done already.
    return nextStep(state.phase) === step ? look(state).pending.map(({ proxy }) => proxy) : [];
  };
  const rotate = async (step: RootStep): Promise<RotationStatus> => {
    await authority.rotate(step);
    return status();
  };
  return {
    status,
    async step(step, { who: by }) {
      switch (step) {
        case 'prepare':
          return rotate({ kind: step, by });
        case 'activate':
        case 'finish':
          return rotate({ kind: step, pending: pendingFor(step) });
        case 'abort':
          return rotate({ kind: step });
        default:
          return step satisfies never;
      }
    },
    distrust: (fingerprint, { who: by }) =>
      rotate({ kind: 'compromised', by, ...(fingerprint === undefined ? {} : { fingerprint }) }),
  };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
