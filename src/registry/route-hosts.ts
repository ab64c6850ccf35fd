import { compareText } from '../model/compare-text.ts';
import type { MeshSettings } from '../model/mesh.ts';
import { isOutsideHost, outsideName } from '../model/outside-host.ts';
import type { Policy, PolicySet, VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { type ServiceKey, serviceKeyOf } from '../model/service.ts';
import type { ServiceDefinition } from './service-definitions.ts';

/**
 * Hosts of VirtualServices outside the mesh that nothing defines (decision 44): callers of port 80 meet their http rules there, as if a
 * ServiceEntry with resolution NONE had the host. What no rule takes is passed on to where the request says, as it was; where some policy
 * says REGISTRY_ONLY it goes nowhere. `defined`: the services of Services and ServiceEntries, by key.
 */
export function routeHosts(
  policies: PolicySet,
  settings: MeshSettings,
  defined: ReadonlyMap<ServiceKey, ServiceDefinition>,
): readonly ServiceDefinition[] {
  const hosts = new Set(Array.from(defined.values(), ({ service }) => service.host.toLowerCase()));
  const namespaces = new Set(Array.from(defined.values(), ({ service }) => service.namespace));
  const found = new Map<
    ServiceKey,
    { readonly object: VirtualServiceObject; readonly host: string; exportTo: string[] }
  >();
  for (const object of policies.objects) {
    if (object.kind !== 'VirtualService') continue;
    const { exportTo } = object.spec;
    for (const host of outsideHosts(object, settings)) {
      if (hosts.has(host) || !isOutsideHost(host, settings.dnsSuffix, namespaces)) continue;
      const key = serviceKeyOf(object.namespace, host);
      const known = found.get(key) ?? { object, host, exportTo: [] };
      found.set(key, known);
      known.exportTo.push(...(exportTo.length === 0 ? ['*'] : exportTo));
    }
  }
  if (found.size === 0) return [];
  const isClosed = policies.objects.some(closes);
  return Array.from(found, ([key, { object, host, exportTo }]) => ({
    service: {
      key,
      namespace: object.namespace,
      name: host,
      host,
      origin: 'entry',
      external: true,
      resolution: isClosed ? 'registry' : 'request',
      addresses: [],
      ports: [{ name: 'http', number: 80, protocol: 'http' }],
      exportTo: exportTo.includes('*') ? ['*'] : [...new Set(exportTo)].sort(compareText),
      subjectAltNames: [],
      by: provenance(object, 'spec.hosts'),
    },
    endpoints: { kind: 'none' },
    targetPorts: new Map(),
  }));
}

/** Whether an object has a part in `routeHosts`. */
export function makesRouteHosts(object: Policy, settings: MeshSettings): boolean {
  return object.kind === 'VirtualService' ? outsideHosts(object, settings).length > 0 : closes(object);
}

function closes({ kind, spec }: Policy): boolean {
  if (kind !== 'Sidecar' && kind !== 'MeshConfig') return false;
  return 'outboundTrafficPolicy' in spec && spec.outboundTrafficPolicy === 'REGISTRY_ONLY';
}

const memory = new WeakMap<VirtualServiceObject, { readonly dnsSuffix: string; readonly hosts: readonly string[] }>();

/** Those that its http rules may be met at; remembered. */
function outsideHosts(object: VirtualServiceObject, { dnsSuffix }: MeshSettings): readonly string[] {
  const known = memory.get(object);
  if (known?.dnsSuffix === dnsSuffix) return known.hosts;
  const { hosts, http } = object.spec;
  const outside = http.length === 0 ? [] : hosts.filter((host) => isOutsideHost(host, dnsSuffix)).map(outsideName);
  memory.set(object, { dnsSuffix, hosts: outside });
  return outside;
}
