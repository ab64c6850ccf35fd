import type { Scope } from '../model/ir.ts';
import type { Inbound } from '../model/ir-inbound.ts';
import type { ProbeDecision } from '../model/ir-probe.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Decided } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import type { Workload } from '../model/workload.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { resolveProbe } from '../resolve/probe.ts';
import { scopeKey, scopeOf } from '../resolve/scope.ts';
import { translateProbe } from '../translate/probe-cluster.ts';
import { translateInbound } from '../translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../translate/translate-secrets.ts';
import { createLayer, type Layer } from '../xds/layer.ts';
import type { Resource } from '../xds/resource.ts';
import { lookup, type Snapshot } from '../xds/snapshot.ts';
import { type CaptureLayer, captureKey, captureLayer, type ViewLayer, viewLayer } from './shared-layers.ts';

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
  /** What proxies should hold under a name now: those that share the layer of this scope, or the one proxy of this id. */
  wanted(scope: string, typeUrl: string, name: string): Resource | undefined;
  stop(): void;
}

/** Proxies of one scope and capture setting: all that is shared, they share. */
interface Group {
  readonly view: SharedView;
  readonly capture: Proxy['capture'];
  readonly members: Set<Member>;
  made?: CaptureLayer | undefined;
}

interface SharedView {
  readonly key: string;
  readonly scope: Scope;
  made?: ViewLayer | undefined;
}

interface Member {
  readonly proxy: Proxy;
  readonly secrets: Readable<SecretMaterial | undefined>;
  readonly cell: ReturnType<typeof createCell<Snapshot | undefined>>;
  group?: Group;
  own?: Layer;
  /** What `own` was made of: while both are the same objects there is nothing to make. */
  madeOf?: {
    readonly inbound: readonly Inbound[];
    readonly probe: Decided<ProbeDecision> | undefined;
    readonly held: SecretMaterial;
  };
  /** Of the registry, when it was looked at last. */
  workload?: Workload | undefined;
  /** Its own part could not be made: it is tried again with every mesh. */
  behind: boolean;
}

/**
 * Mesh → snapshots. The outbound half is made once for each scope and shared as one layer, capture listeners once for each scope and
 * capture setting; only inbound resources and secrets are a proxy's own. A change costs what changed: a layer that stays the same wakes
 * nobody, one that differs is put into each snapshot by reference, and a proxy's own part is looked at when policies, its workload or its
 * secrets changed. A failure while making one part leaves the last good one in place and is told to `onFailure` (F28); a proxy for
 * which a part was never made has no snapshot, and its stream waits: an empty part would take away what its Envoy holds.
 */
export function createProxySnapshots(options: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly secrets: (proxy: Proxy) => Readable<SecretMaterial | undefined>;
  readonly onFailure: (error: unknown, what: string) => void;
}): ProxySnapshots {
  const { mesh, secrets, onFailure } = options;
  /** In the order in which they came: when a proxy reconnects two of it overlap, and the last one counts (F4). */
  const byProxy = new Map<string, readonly Member[]>();
  /** By what they depend on; one that no member uses is dropped at the next change. */
  const views = new Map<string, SharedView>();
  const groups = new Map<string, Group>();
  let last = mesh.get();

  const guarded = <T>(what: string, kept: T, make: () => T): T => {
    try {
      return make();
    } catch (error) {
      onFailure(error, what);
      return kept;
    }
  };

  const makeView = (current: Mesh, view: SharedView): void => {
    view.made = guarded(`view ${view.key}`, view.made, () => viewLayer(current, view.scope, view.made));
  };
  const makeCapture = (group: Group): void => {
    const { view, capture, made } = group;
    const outbound = view.made?.view;
    if (outbound === undefined) return;
    const what = `capture ${view.key} ${captureKey(capture)}`;
    group.made = guarded(what, made, () => captureLayer(outbound, capture, made));
  };

  const groupOf = (current: Mesh, { proxy }: Member, scope: Scope): Group => {
    const key = scopeKey(scope);
    const name = `${key} ${captureKey(proxy.capture)}`;
    const known = groups.get(name);
    if (known) return known;
    const view = views.get(key) ?? { key, scope };
    views.set(key, view);
    if (view.made?.mesh !== current) makeView(current, view);
    const group: Group = { view, capture: proxy.capture, members: new Set() };
    groups.set(name, group);
    makeCapture(group);
    return group;
  };

  /** Looks at what is a proxy's own, and at whom it shares the rest with. */
  const look = (current: Mesh, member: Member): void => {
    const { proxy } = member;
    member.behind = true;
    const held = member.secrets.get();
    if (!held) return;
    const workload = current.workloads.get(proxy.id);
    const group = groupOf(current, member, scopeOf(current, workload ?? proxy));
    if (group !== member.group) {
      member.group?.members.delete(member);
      group.members.add(member);
      member.group = group;
    }
    const inbound = resolveInbound(current, proxy);
    const probe = resolveProbe(current, proxy);
    member.workload = workload;
    member.behind = false;
    const { madeOf } = member;
    if (madeOf?.inbound === inbound && madeOf.probe === probe && madeOf.held === held) return;
    guarded(`proxy ${proxy.id}`, undefined, () => {
      member.behind = true;
      const own = [...translateInbound(inbound, proxy), ...translateProbe(probe), ...translateSecrets(held)];
      member.own = createLayer(own, member.own);
      member.madeOf = { inbound, probe, held };
      member.behind = false;
    });
  };

  const publish = (current: Mesh, { cell, group, own }: Member): void => {
    const [outbound, capture] = [group?.view.made?.layer, group?.made?.layer];
    if (outbound === undefined || capture === undefined || own === undefined) return;
    const layers = [outbound, capture, own];
    const { commit } = current.policies;
    const before = cell.get();
    const unchanged = before?.layers.every((layer, index) => layer === layers[index]) === true;
    // A new commit that changes nothing for this proxy is still what it serves from now on.
    if (unchanged && before.commit === commit) return;
    cell.set({ generation: current.generation, commit, layers: unchanged ? before.layers : layers });
  };

  /** Whatever fails for one proxy, its stream included, is no other proxy's matter. */
  const each = (members: Iterable<Member>, act: (member: Member) => void): void => {
    for (const member of members) guarded(`snapshot of ${member.proxy.id}`, undefined, () => act(member));
  };

  const refresh = (current: Mesh | undefined): void => {
    if (!current) return;
    const samePolicies = last?.policies === current.policies && last.settings === current.settings;
    last = current;
    const all = [...byProxy.values()].flat();
    const concerned = samePolicies
      ? all.filter(({ behind, workload, proxy }) => behind || workload !== current.workloads.get(proxy.id))
      : all;
    const before = new Map([...groups.values()].map((group) => [group, partsOf(group)]));
    for (const view of views.values()) makeView(current, view);
    for (const group of groups.values()) makeCapture(group);
    each(concerned, (member) => look(current, member));
    const told = new Set(concerned);
    for (const [name, group] of groups) {
      if (group.members.size === 0) groups.delete(name);
      else if (partsOf(group).some((layer, index) => layer !== before.get(group)?.[index]))
        for (const member of group.members) told.add(member);
    }
    const used = new Set([...groups.values()].map(({ view }) => view));
    for (const [key, view] of views) if (!used.has(view)) views.delete(key);
    each(told, (member) => publish(current, member));
  };

  const stop = mesh.watch(refresh);
  return {
    hold(proxy) {
      const cell = createCell<Snapshot | undefined>(undefined);
      const member: Member = { proxy, secrets: secrets(proxy), cell, behind: true };
      byProxy.set(proxy.id, [...(byProxy.get(proxy.id) ?? []), member]);
      const update = () => {
        const current = mesh.get();
        if (!current) return;
        each([member], () => {
          look(current, member);
          publish(current, member);
        });
      };
      const unwatch = member.secrets.watch(update);
      update();
      return {
        snapshot: cell,
        release() {
          unwatch();
          member.group?.members.delete(member);
          const left = (byProxy.get(proxy.id) ?? []).filter((other) => other !== member);
          if (left.length > 0) byProxy.set(proxy.id, left);
          else byProxy.delete(proxy.id);
        },
      };
    },
    of: (proxyId) => byProxy.get(proxyId)?.at(-1)?.cell.get(),
    wanted(scope, typeUrl, name) {
      const shared = [...groups.values()].flatMap(partsOf).find((layer) => layer?.scope === scope);
      const own = byProxy.get(scope)?.at(-1)?.own;
      const layer = shared ?? own;
      return layer && lookup([layer], typeUrl, name);
    },
    stop,
  };
}

function partsOf({ view, made }: Group): readonly (Layer | undefined)[] {
  return [view.made?.layer, made?.layer];
}
