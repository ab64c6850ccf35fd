import type { Diagnostic } from '../model/diagnostic.ts';
import type { Mesh } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import { type XdsType, xdsTypes } from '../model/status.ts';
import type { Resource } from '../xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, virtualHostType } from '../xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../xds/snapshot.ts';
import { routesOf } from '../xds/virtual-hosts.ts';
import { faultsIn } from './generated-findings.ts';
import { offlineMesh } from './offline-mesh.ts';
import { resourcesOf } from './proxy-resources.ts';

/** What a change would do to one proxy: resources of a type added, changed, removed. Types without a difference are absent. */
export interface ProxyPlan {
  readonly id: string;
  readonly types: readonly {
    readonly type: XdsType;
    readonly added: number;
    readonly changed: number;
    readonly removed: number;
  }[];
  /** WEFT0601: what of it would be kept from the proxy, as it breaks a rule of Envoy (decision 45); absent: nothing. */
  readonly findings?: readonly Diagnostic[];
}

const planned: readonly (readonly [XdsType, string])[] = [
  ['CDS', clusterType],
  ['LDS', listenerType],
  ['EDS', endpointType],
  ['RDS', routeType],
  ['VHDS', virtualHostType],
];

/**
 * What serving `policies` instead of the present ones would send to each proxy, by the very functions that serve (offline, nothing is
 * published). Secrets do not depend on policies. Proxies that nothing changes for are left out.
 */
export function planChange(
  mesh: Mesh,
  policies: PolicySet,
  proxies: readonly Proxy[],
  snapshotOf: (proxyId: string) => Snapshot | undefined,
): readonly ProxyPlan[] {
  const { settings, localPorts, generation } = mesh;
  const joined = [...mesh.workloads].filter(([, { source }]) => source === 'proxy');
  // Which port an added service gets is not known before it is served, and makes no difference to what is counted.
  const wanted = offlineMesh({ policies, settings, joined, localPorts, generation });
  return proxies.flatMap((proxy) => {
    const isPlanned = ([type]: (typeof planned)[number]) => type !== 'VHDS' || proxy.capture.wholeRoutes !== true;
    const ofProxy = planned.filter(isPlanned);
    const snapshot = snapshotOf(proxy.id);
    if (!snapshot) return [];
    const resources = asked(resourcesOf(wanted, proxy).resources);
    const held = asked(
      ofProxy.flatMap(([, typeUrl]) =>
        [...namesOf(snapshot.layers, typeUrl)].flatMap((name) => lookup(snapshot.layers, typeUrl, name) ?? []),
      ),
    );
    const types = ofProxy.flatMap(([type, typeUrl]) => difference(type, typeUrl, resources, held));
    const findings = faultsIn(policies, resources);
    return types.length > 0 ? [{ id: proxy.id, types, ...(findings.length === 0 ? {} : { findings }) }] : [];
  });
}

/** Of all that a proxy may see, what it asks for: every listener and cluster, and the route configurations that its listeners name, with their virtual hosts. */
function asked(resources: readonly Resource[]): readonly Resource[] {
  const listeners = resources.filter(({ typeUrl }) => typeUrl === listenerType);
  const named = new Set(
    listeners
      .flatMap(({ references }) => references.filter(({ typeUrl }) => typeUrl === routeType))
      .map(({ name }) => name),
  );
  return resources.filter(
    ({ typeUrl, name }) =>
      (typeUrl !== routeType || named.has(name)) && (typeUrl !== virtualHostType || named.has(routesOf(name))),
  );
}

function difference(
  type: XdsType,
  typeUrl: string,
  resources: readonly Resource[],
  held: readonly Resource[],
): ProxyPlan['types'] {
  const ofType = (all: readonly Resource[]) =>
    new Map(all.filter((one) => one.typeUrl === typeUrl).map(({ name, version }) => [name, version]));
  const [wanted, present] = [ofType(resources), ofType(held)];
  let [added, changed, removed] = [0, 0, 0];
  for (const [name, version] of wanted) {
    if (!present.has(name)) added += 1;
    else if (present.get(name) !== version) changed += 1;
  }
  for (const name of present.keys()) if (!wanted.has(name)) removed += 1;
  return added + changed + removed > 0 ? [{ type, added, changed, removed }] : [];
}

/** `frontend-1  RDS ~1, CDS +2` */
export function planText(plan: ProxyPlan): string {
  const sign = { added: '+', changed: '~', removed: '-' } as const;
  const parts = xdsTypes.flatMap((type) => {
    const counts = plan.types.find((entry) => entry.type === type);
    if (!counts) return [];
    const changes = (['added', 'changed', 'removed'] as const)
      .filter((kind) => counts[kind] > 0)
      .map((kind) => `${sign[kind]}${counts[kind]}`);
    return [`${type} ${changes.join(' ')}`];
  });
  const kept = (plan.findings ?? []).map(({ code, at, message }) => `, but ${code} ${at.file}:${at.line} ${message}`);
  return `${plan.id.split('.')[0]}  ${parts.join(', ')}${kept.join('')}`;
}
