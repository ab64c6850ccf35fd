import type { Inbound } from '../model/ir-inbound.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { ServiceEntryObject, ServiceObject } from '../model/policy.ts';
import { byDefault } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { isHttp } from '../model/service.ts';
import { applicationVersion } from './application-version.ts';
import { authorizationPolicies, resolveAuthorization } from './authorization.ts';
import { resolveCounters } from './counters.ts';
import { inboundProtocol } from './inbound-protocol.ts';
import { keepEqualItems } from './keep.ts';
import { meshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import { mutualTlsMode, peerPolicies } from './mutual-tls.ts';
import { indexPolicies } from './policy-index.ts';
import { requestsPerConnection } from './requests-per-connection.ts';
import { inboundRetries } from './retries.ts';

interface Known {
  readonly decidedBy: readonly unknown[];
  readonly inbound: readonly Inbound[];
}

const memory = new WeakMap<Proxy, Known>();
const noServices: readonly (ServiceObject | ServiceEntryObject)[] = [];

/**
 * What stands before each port of a proxy's application, sorted by port. It depends on git and on the proxy, never on endpoints, so a
 * workload that leaves keeps serving open connections unchanged. A port that a policy change leaves alone keeps its identity.
 */
export function resolveInbound(mesh: Mesh, proxy: Proxy): readonly Inbound[] {
  const settings = meshDefaults(mesh);
  const index = indexPolicies(mesh.policies, settings);
  const workload: Selected = mesh.workloads.get(proxy.id) ?? proxy;
  const services = index.selectingServices.get(workload.namespace) ?? noServices;
  const decidedBy = [
    settings,
    workload.labels,
    services,
    index.upgradingRules,
    ...[index.peerAuthentications, index.authorizationPolicies].flatMap((lists) => [
      lists.get(workload.namespace),
      lists.get(settings.rootNamespace),
    ]),
  ];
  const known = memory.get(proxy);
  if (known && sameItems(known.decidedBy, decidedBy)) return known.inbound;
  resolveCounters.inbound += 1;
  const peers = peerPolicies(index, settings, workload);
  const authorization = authorizationPolicies(index, settings, workload);
  const ports = proxy.ports.map((port): Inbound => {
    const protocol = inboundProtocol(services, workload.labels, proxy.ports, port);
    const requests = requestsPerConnection(protocol);
    const httpVersion = applicationVersion(index, settings, services, proxy, workload, port, protocol);
    return {
      port: port.port,
      listen: { address: proxy.inboundBind, port: port.inbound },
      applicationAddress: proxy.applicationAddress,
      protocol,
      mtls: mutualTlsMode(peers, port.port),
      maxConnectionDuration: byDefault(900_000, 'R17'),
      ...(requests && { requestsPerConnection: requests }),
      ...(httpVersion && { httpVersion }),
      retries: inboundRetries(protocol),
      authorization: resolveAuthorization(settings, authorization, port.port, isHttp(protocol)),
      terms: settings.terms,
    };
  });
  ports.sort((a, b) => a.port - b.port || a.listen.port - b.listen.port);
  const inbound = keepEqualItems(known?.inbound, ports, (port) => `${port.port} ${port.listen.port}`);
  memory.set(proxy, { decidedBy, inbound });
  return inbound;
}
