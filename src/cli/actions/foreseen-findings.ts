import { refusedOf } from '../../control-plane/callers-of-last-hour.ts';
import { modeJumps } from '../../control-plane/mode-jumps.ts';
import { offlineMesh } from '../../control-plane/offline-mesh.ts';
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { SpiffeId } from '../../model/identity.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { PolicySet } from '../../model/policy.ts';
import type { Proxy } from '../../model/proxy.ts';
import type { RegistryKnowledge } from '../../model/registry-knowledge.ts';
import type { Workload } from '../../model/workload.ts';

/**
 * What policies that are not committed would do to the mesh as it runs, by what a server told of it: callers of the last hour whom nothing
 * would let in any more (WEFT0151), workloads that go from STRICT straight to DISABLE or back (WEFT0170).
 */
export function foreseenFindings(
  policies: PolicySet,
  settings: MeshSettings,
  joined: ReadonlyMap<string, Workload>,
  knowledge: RegistryKnowledge,
): readonly Diagnostic[] {
  // A server of before says nothing of modes.
  const { callers, modes = [] } = knowledge;
  if (callers.length === 0 && modes.length === 0) return [];
  const next = offlineMesh({ policies, settings, joined });
  const proxies = [...joined.values()].flatMap((workload) => {
    const { identity } = workload;
    return identity === undefined ? [] : [proxyOf(workload, identity)];
  });
  return [...refusedOf(next, proxies, knowledge), ...modeJumps(modes, next)];
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
