import type { MeshSettings } from '../model/mesh.ts';
import type { Policy, PolicySet, VirtualServiceObject } from '../model/policy.ts';
import { resolveHost } from '../policy/hosts.ts';
import { meshDefaults } from './mesh-defaults.ts';
import type { Opening } from './widening.ts';

/**
 * T14: routes of one namespace for a host of another, for clients beyond its own: calls that were the other's are led where this one says.
 * Those of the root namespace are the mesh's own.
 */
export function foreignRoutes(
  added: readonly Policy[],
  before: PolicySet,
  after: PolicySet,
  settings: MeshSettings,
): readonly Opening[] {
  const routes = added.filter((object): object is VirtualServiceObject => object.kind === 'VirtualService');
  if (routes.length === 0) return [];
  const { rootNamespace, dnsSuffix } = meshDefaults({ policies: after, settings });
  const old = new Map(
    before.objects.flatMap((object) =>
      object.kind === 'VirtualService' ? [[`${object.namespace}/${object.name}`, object] as const] : [],
    ),
  );
  return routes.flatMap((route) => {
    const { namespace, name, spec } = route;
    if (namespace === rootNamespace || !isForOthers(route)) return [];
    const former = old.get(`${namespace}/${name}`);
    const known = new Set(former && isForOthers(former) ? hostsOf(former, dnsSuffix) : []);
    return hostsOf(route, dnsSuffix).flatMap((host, index): readonly Opening[] => {
      const owner = ownerOf(host, after, dnsSuffix);
      if (owner === undefined || owner === namespace || known.has(host)) return [];
      const by = { kind: 'field' as const, object: route, field: `spec.hosts[${index}]` };
      return [
        { destination: spec.hosts[index] ?? host, namespace: owner, call: new Map(), http: true, isRoute: true, by },
      ];
    });
  });
}

/** P6: clients of other namespaces have it, too. */
function isForOthers({ namespace, spec: { exportTo } }: VirtualServiceObject): boolean {
  return exportTo.length === 0 || exportTo.some((entry) => entry !== '.' && entry !== namespace && entry !== '~');
}

function hostsOf({ namespace, spec }: VirtualServiceObject, dnsSuffix: string): readonly string[] {
  return spec.hosts.map((host) => resolveHost(host, namespace, dnsSuffix));
}

/** The namespace that a name of the mesh has in it, or whose ServiceEntry alone declares the host. */
function ownerOf(host: string, { objects }: PolicySet, dnsSuffix: string): string | undefined {
  const suffix = `.svc.${dnsSuffix}`;
  if (host.endsWith(suffix)) {
    const [, namespace] = /^[^.]+\.([^.]+)$/.exec(host.slice(0, -suffix.length)) ?? [];
    return namespace;
  }
  const declaring = new Set(
    objects.flatMap((object) =>
      object.kind === 'ServiceEntry' && object.spec.hosts.includes(host) ? [object.namespace] : [],
    ),
  );
  const [only] = declaring;
  return declaring.size === 1 ? only : undefined;
}
