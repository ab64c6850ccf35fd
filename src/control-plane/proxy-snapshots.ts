import type { Scope } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { resolveProbe } from '../resolve/probe.ts';
import { scopeKey, scopeOf, scopeSteps } from '../resolve/scope.ts';
import { translateProbe } from '../translate/probe-cluster.ts';
import { translateInbound } from '../translate/translate-inbound.ts';
import { type SecretMaterial, translateSecrets } from '../translate/translate-secrets.ts';
import { createLayer } from '../xds/layer.ts';
import type { Resource } from '../xds/resource.ts';
import { lookup, type Snapshot } from '../xds/snapshot.ts';
import { inSlices } from './in-slices.ts';
import { type PreparedScope, prepareView, smallMesh, type WantedScope } from './prepare-view.ts';
import { captureKey, captureLayer, viewLayer } from './shared-layers.ts';
import { type Group, type Member, partsOf, type Ready, type SharedView } from './snapshot-members.ts';

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
  /** A mesh of at most so many services is made ready at once, a larger one in steps; absent: `smallMesh`. */
  readonly atOnce?: number;
}): ProxySnapshots {
  const { mesh, secrets, onFailure, atOnce = smallMesh } = options;
  /** In the order in which they came: when a proxy reconnects two of it overlap, and the last one counts (F4). */
  const byProxy = new Map<string, readonly Member[]>();
  /** By what they depend on; one that no member uses is dropped at the next change. */
  const views = new Map<string, SharedView>();
  const groups = new Map<string, Group>();
  let last = mesh.get();
  /** Proxies of a large mesh whose scope is being made ready. */
  const coming = new Set<Member>();
  /** What was made ready of a large mesh: a proxy that was told to come again finds it. */
  let ready: Ready = { mesh: undefined, groups: new Set(), scopes: new Map() };
  let [preparing, stopped] = [false, false];

  const guarded = <T>(what: string, kept: T, make: () => T): T => {
    try {
      return make();
    } catch (error) {
      onFailure(error, what);
      return kept;
    }
  };

  const preparedOf = (current: Mesh, key: string) => (ready.mesh === current ? ready.scopes.get(key) : undefined);
  const makeView = (current: Mesh, view: SharedView): void => {
    const make = () => preparedOf(current, view.key)?.view ?? viewLayer(current, view.scope, view.made);
    view.made = guarded(`view ${view.key}`, view.made, make);
  };
  const makeCapture = (group: Group): void => {
    const { view, capture, made } = group;
    if (view.made === undefined) return;
    const { view: outbound, mesh: current } = view.made;
    const prepared = preparedOf(current, view.key)?.captures.get(captureKey(capture));
    const what = `capture ${view.key} ${captureKey(capture)}`;
    group.made = prepared ?? guarded(what, made, () => captureLayer(outbound, capture, made));
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

  const publish = (current: Mesh, { cell, group, own, behind }: Member): void => {
    const [outbound, capture] = [group?.view.made?.layer, group?.made?.layer];
    if (outbound === undefined || capture === undefined || own === undefined) return;
    const layers = [outbound, capture, own];
    const before = cell.get();
    // With a part of an earlier commit, as its own could not be made (F28), it is not what this commit says.
    const view = group?.view.made;
    const isWhole = !behind && view?.mesh === current && group?.made?.view === view.view;
    const { commit } = isWhole ? current.policies : { commit: before?.commit ?? '' };
    const unchanged = before?.layers.every((layer, index) => layer === layers[index]) === true;
    // A new commit that changes nothing for this proxy is still what it serves from now on.
    if (unchanged && before.commit === commit) return;
    cell.set({ generation: current.generation, commit, layers: unchanged ? before.layers : layers });
  };

  /** Whatever fails for one proxy, its stream included, is no other proxy's matter. */
  const each = (members: Iterable<Member>, act: (member: Member) => void): void => {
    for (const member of members) guarded(`snapshot of ${member.proxy.id}`, undefined, () => act(member));
  };

  const refresh = (current: Mesh): void => {
    const ofAll = ['policies', 'settings', 'distrustedRoot'] as const;
    const isSameForAll = ofAll.every((part) => last?.[part] === current[part]);
    last = current;
    const all = [...byProxy.values()].flat();
    const concerned = isSameForAll
      ? all.filter(({ behind, workload, proxy }) => behind || workload !== current.workloads.get(proxy.id))
      : all;
    const before = new Map([...groups.values()].map((group) => [group, partsOf(group)]));
    for (const view of views.values()) makeView(current, view);
    for (const group of groups.values()) makeCapture(group);
    each(concerned, (member) => look(current, member));
    const { commit } = current.policies;
    // Whose last snapshot had a part of an earlier commit may have it whole now.
    const told = new Set([...concerned, ...all.filter(({ cell }) => cell.get()?.commit !== commit)]);
    for (const [name, group] of groups) {
      if (group.members.size === 0) groups.delete(name);
      else if (partsOf(group).some((layer, index) => layer !== before.get(group)?.[index]))
        for (const member of group.members) told.add(member);
    }
    const used = new Set([...groups.values()].map(({ view }) => view));
    for (const [key, view] of views) if (!used.has(view)) views.delete(key);
    each(told, (member) => publish(current, member));
  };

  /**
   * A large mesh is made ready in steps, so that others have their turn meanwhile, for the scopes that are in use and those of proxies that
   * have just come. The newest mesh counts.
   */
  const prepare = async (): Promise<void> => {
    for (let current = mesh.get(); current !== undefined && !isReady(current); current = mesh.get()) {
      // Who is told to come again is gone before its scope is known.
      const asking = [...coming].map(({ proxy }) => proxy);
      await inSlices(scopeSteps(current)).catch(() => undefined);
      if (mesh.get() !== current) continue;
      for (const [name, wanted] of scopesOf(current, asking)) {
        const names = [...wanted.captures.keys()].map((key) => `${name} ${key}`);
        if (ready.mesh === current && names.every((key) => ready.groups.has(key))) continue;
        const beside = ready.mesh === current ? [...ready.scopes.values()].at(-1) : undefined;
        // What fails here fails again, and is told, where it is made for good (F28).
        const made = await inSlices(prepareView(current, wanted, beside)).catch(() => undefined);
        if (stopped || mesh.get() !== current) break;
        if (ready.mesh !== current) ready = { mesh: current, groups: new Set(), scopes: new Map() };
        if (made) ready.scopes.set(name, made);
        for (const key of names) ready.groups.add(key);
      }
      if (stopped) return;
      if (mesh.get() !== current) continue;
      const newcomers = [...coming];
      coming.clear();
      if (last !== current) refresh(current);
      each(newcomers, (member) => take(current, member));
    }
  };
  const isReady = (current: Mesh) => stopped || (last === current && coming.size === 0);
  const prepareSoon = (): void => {
    if (!preparing) void prepare().finally(() => (preparing = false));
    preparing = true;
  };

  /** All that a proxy would share is made ready, so that it need not wait. */
  const isScopeMade = (current: Mesh, { proxy }: Member): boolean => {
    if (ready.mesh !== current) return false;
    const scope = scopeOf(current, current.workloads.get(proxy.id) ?? proxy);
    return ready.groups.has(`${scopeKey(scope)} ${captureKey(proxy.capture)}`);
  };

  const take = (current: Mesh, member: Member): void => {
    look(current, member);
    publish(current, member);
  };

  /** The scopes of these and of all connected proxies, with what their listeners are made by. */
  const scopesOf = (current: Mesh, asking: readonly Proxy[]): ReadonlyMap<string, WantedScope> => {
    const wanted = new Map<string, WantedScope>();
    const connected = [...byProxy.values()].flat().map(({ proxy }) => proxy);
    for (const proxy of [...connected, ...asking]) {
      const scope = scopeOf(current, current.workloads.get(proxy.id) ?? proxy);
      const key = scopeKey(scope);
      const known = wanted.get(key) ?? { scope, captures: new Map(), made: madeOf(key) };
      wanted.set(key, known);
      known.captures.set(captureKey(proxy.capture), proxy.capture);
    }
    return wanted;
  };
  const madeOf = (key: string): PreparedScope | undefined => {
    const view = views.get(key)?.made;
    const ofView = [...groups.values()].filter((group) => group.view.key === key);
    const captures = ofView.flatMap(({ capture, made }) => (made ? [[captureKey(capture), made] as const] : []));
    return view && { view, captures: new Map(captures) };
  };

  const unwatchMesh = mesh.watch((current) => {
    if (current === undefined) return;
    if (current.services.length <= atOnce) refresh(current);
    else prepareSoon();
  });
  return {
    hold(proxy) {
      const cell = createCell<Snapshot | undefined>(undefined);
      const member: Member = { proxy, secrets: secrets(proxy), cell, behind: true };
      byProxy.set(proxy.id, [...(byProxy.get(proxy.id) ?? []), member]);
      const update = () => {
        const current = mesh.get();
        if (!current) return;
        const isMade = member.group !== undefined || current.services.length <= atOnce;
        if (isMade || isScopeMade(current, member)) each([member], () => take(current, member));
        else {
          coming.add(member);
          prepareSoon();
        }
      };
      const unwatch = member.secrets.watch(update);
      update();
      return {
        snapshot: cell,
        release() {
          unwatch();
          coming.delete(member);
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
    stop() {
      stopped = true;
      unwatchMesh();
    },
  };
}
