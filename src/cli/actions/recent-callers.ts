import { refusedOf } from '../../control-plane/callers-of-last-hour.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { SpiffeId } from '../../model/identity.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { PolicySet } from '../../model/policy.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { RegistryKnowledge } from '../../model/registry-knowledge.ts';
import type { Workload } from '../../model/workload.ts';

/** WEFT0151 of policies that are not committed: callers of the last hour, as a server counted them, whom nothing would let in any more. */
export function recentCallersRefused(
  policies: PolicySet,
  settings: MeshSettings,
  joined: ReadonlyMap<string, Workload>,
  knowledge: RegistryKnowledge,
): readonly Diagnostic[] {
  if (knowledge.callers.length === 0) return [];
  const proxies = [...joined.values()].flatMap((workload) => {
    const { identity } = workload;
    return identity === undefined ? [] : [proxyOf(workload, identity)];
  });
  return refusedOf(offlineMesh({ policies, settings, joined }), proxies, knowledge);
}

/** As far as what stands before its ports is concerned. */
function proxyOf({ id, name, namespace, service = name, labels, ports }: Workload, identity: SpiffeId): Proxy {
  return {
    id,
    name,
    namespace,
    service,
    labels,
    identity,
    ports: ports.map(({ endpointPort: inbound, ...port }) => ({ ...port, inbound })),
    inboundBind: '0.0.0.0',
    applicationAddress: '127.0.0.1',
    capture: { bind: '127.0.0.1', ports: false },
    envoyVersion: '',
  };
}
