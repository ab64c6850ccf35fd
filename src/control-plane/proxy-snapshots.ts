import type { Inbound, ProxyIR } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { resolveProxy } from '../resolve/proxy.ts';
import { translateCapture } from '../translate/translate-capture.ts';
import { translateInbound } from '../translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../translate/translate-secrets.ts';
import { translateView } from '../translate/translate-view.ts';
import { createLayer, type Layer } from '../xds/layer.ts';
import type { Resource } from '../xds/resource.ts';
import type { Snapshot } from '../xds/snapshot.ts';

export interface HeldSnapshot {
  readonly snapshot: Readable<Snapshot | undefined>;
  /** The proxy's stream is gone. */
  release(): void;
}

export interface ProxySnapshots {
  /** Makes and keeps current the snapshot of a connected proxy. */
  hold(proxy: Proxy): HeldSnapshot;
  /** The newest snapshot of a proxy, or undefined if none is held. */
  of(proxyId: string): Snapshot | undefined;
  stop(): void;
}

interface Member {
  readonly proxy: Proxy;
  readonly secrets: Readable<SecretMaterial | undefined>;
  readonly cell: ReturnType<typeof createCell<Snapshot | undefined>>;
  own?: Layer;
  /** What `own` was made of: while both are the same objects there is nothing to make. */
  madeOf?: { readonly inbound: readonly Inbound[]; readonly held: SecretMaterial };
}

/**
 * Mesh → snapshots. The outbound half is made once for each scope and shared as one layer, capture listeners once for each scope and
 * capture setting; only inbound resources and secrets are a proxy's own. A failure while making one part leaves the last good one in
 * place and is told to `onFailure` (F28); a proxy for which a part was never made has no snapshot, and its stream waits: an empty part
 * would take away what its Envoy holds.
 */
export function createProxySnapshots(options: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly secrets: (proxy: Proxy) => Readable<SecretMaterial | undefined>;
  readonly onFailure: (error: unknown, what: string) => void;
}): ProxySnapshots {
  const { mesh, secrets, onFailure } = options;
  const members = new Set<Member>();
  /** Layers by what they depend on; an entry no member uses is dropped at the next change. */
  let shared = new Map<string, Layer>();

  const guarded = <T>(what: string, kept: T, make: () => T): T => {
    try {
      return make();
    } catch (error) {
      onFailure(error, what);
      return kept;
    }
  };

  /** The two shared layers of a proxy; `next` collects what is in use at this generation. */
  const sharedLayers = (
    current: Mesh,
    { proxy, view }: ProxyIR,
    next: Map<string, Layer>,
  ): readonly (Layer | undefined)[] => {
    const { key } = view;
    const layer = (name: string, make: () => Iterable<Resource>): Layer | undefined => {
      const kept = shared.get(name);
      const made = next.get(name) ?? guarded(name, kept, () => createLayer(make(), kept));
      if (made) next.set(name, made);
      return made;
    };
    const { bind, proxy: port, ports } = proxy.capture;
    return [
      layer(`view ${key}`, () => translateView(view, (destination) => resolveEndpoints(current, destination))),
      layer(`capture ${key} ${bind} ${port ?? '-'} ${ports}`, () => translateCapture(view, proxy.capture)),
    ];
  };

  const refresh = (current: Mesh, member: Member, next: Map<string, Layer>): void => {
    const { proxy, cell } = member;
    const held = member.secrets.get();
    if (!held) return;
    const resolved = resolveProxy(current, proxy);
    const { inbound } = resolved;
    if (member.madeOf?.inbound !== inbound || member.madeOf.held !== held) {
      guarded(`proxy ${proxy.id}`, undefined, () => {
        member.own = createLayer([...translateInbound(inbound, proxy), ...translateSecrets(held)], member.own);
        member.madeOf = { inbound, held };
      });
    }
    const parts = [...sharedLayers(current, resolved, next), member.own];
    const layers = parts.filter((layer) => layer !== undefined);
    if (layers.length < parts.length) return;
    const before = cell.get();
    const unchanged = before?.layers.every((layer, index) => layer === layers[index]) === true;
    // A new commit that changes nothing for this proxy is still what it serves from now on.
    if (unchanged && before.commit === current.policies.commit) return;
    cell.set({
      generation: current.generation,
      commit: current.policies.commit,
      layers: unchanged ? before.layers : layers,
    });
  };

  /** Whatever fails for one proxy, its stream included, is no other proxy's matter. */
  const refreshOne = (current: Mesh, member: Member, next: Map<string, Layer>): void =>
    guarded(`snapshot of ${member.proxy.id}`, undefined, () => refresh(current, member, next));

  const refreshAll = (current: Mesh | undefined): void => {
    if (!current) return;
    const next = new Map<string, Layer>();
    for (const member of members) refreshOne(current, member, next);
    shared = next;
  };

  const stop = mesh.watch(refreshAll);
  return {
    hold(proxy) {
      const member: Member = {
        proxy,
        secrets: secrets(proxy),
        cell: createCell<Snapshot | undefined>(undefined),
      };
      members.add(member);
      const update = () => {
        const current = mesh.get();
        if (current) refreshOne(current, member, shared);
      };
      const unwatch = member.secrets.watch(update);
      update();
      return {
        snapshot: member.cell,
        release() {
          unwatch();
          members.delete(member);
        },
      };
    },
    of(proxyId) {
      // Two streams of one proxy overlap when it reconnects: the newest one counts (F4).
      return [...members].findLast((member) => member.proxy.id === proxyId)?.cell.get();
    },
    stop,
  };
}
