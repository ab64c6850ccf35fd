import type { Inbound } from '../model/ir-inbound.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { ServiceEntryObject, ServiceObject } from '../model/policy.ts';
import { byDefault } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { isHttp } from '../model/service.ts';
import { applicationVersion } from './application-version.ts';
import { authorizationPolicies, resolveAuthorization } from './authorization.ts';
import { authorizerOf } from './authorizer.ts';
import { resolveCounters } from './counters.ts';
import { inboundPool } from './inbound-pool.ts';
import { inboundPorts, programAddress } from './inbound-ports.ts';
import { inboundProtocol } from './inbound-protocol.ts';
import { keepEqualItems, type Lasts, noLasts, withAsked, withNext } from './keep.ts';
import { meshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import { mutualTlsMode, peerPolicies } from './mutual-tls.ts';
import { indexPolicies, selectorOf } from './policy-index.ts';
import { requestAuthentications, resolveTokens } from './request-authentication.ts';
import { requestsPerConnection } from './requests-per-connection.ts';
import { inboundRetries } from './retries.ts';
import { selecting } from './selecting.ts';
import { sidecarOf } from './sidecar-choice.ts';

interface Known {
  readonly decidedBy: readonly unknown[];
  readonly inbound: readonly Inbound[];
}

const memory = new WeakMap<Proxy, Lasts<Known>>();
const noServices: readonly (ServiceObject | ServiceEntryObject)[] = [];

/**
 * What stands before each port of a proxy's application, sorted by port. It depends on git and on the proxy, never on endpoints, so a
 * workload that leaves keeps serving open connections unchanged. A port that a policy change leaves alone keeps its identity.
 */
export function resolveInbound(mesh: Mesh, proxy: Proxy): readonly Inbound[] {
  const settings = meshDefaults(mesh);
  const index = indexPolicies(mesh.policies, settings);
  const registered = mesh.workloads.get(proxy.id);
  const workload: Selected = registered ?? proxy;
  const sidecar = sidecarOf(index, settings, workload);
  const all = index.selectingServices.get(workload.namespace) ?? noServices;
  const authentications = requestAuthentications(mesh, index, settings, workload, sidecar);
  const authorization = authorizationPolicies(index, settings, workload);
  const authorizer = authorizerOf(mesh, settings, authorization, workload, sidecar);
  const { distrustedRoot } = mesh;
  const decidedBy = [
    settings,
    distrustedRoot,
    JSON.stringify(authorizer),
    // Services and DestinationRules may lead to the keys.
    JSON.stringify(authentications.map(({ servers }) => servers)),
    // Who comes again says them anew.
    JSON.stringify(workload.labels),
    all,
    index.upgradingRules,
    sidecar,
    sidecar && registered?.address,
    ...[index.peerAuthentications, index.authorizationPolicies, index.requestAuthentications].flatMap((lists) => [
      lists.get(workload.namespace),
      lists.get(settings.rootNamespace),
    ]),
  ];
  const lasts = memory.get(proxy) ?? noLasts;
  const same = lasts.all.find((one) => sameItems(one.decidedBy, decidedBy));
  if (same) {
    memory.set(proxy, withAsked(lasts, same));
    return same.inbound;
  }
  const known = lasts.all.at(-1);
  resolveCounters.inbound += 1;
  const services = selecting(all, workload.labels, selectorOf);
  const peers = peerPolicies(index, settings, workload);
  const tokens = resolveTokens(authentications);
  const ports = inboundPorts(proxy, sidecar).map(({ port, listen, entry }): Inbound => {
    const protocol = entry?.ingress.protocol ?? inboundProtocol(services, workload.labels, proxy.ports, port, settings);
    const pool = sidecar && inboundPool(sidecar, entry?.position);
    const requests = requestsPerConnection(protocol, pool);
    const program = entry && programAddress(entry, proxy, registered?.address);
    const httpVersion = applicationVersion(index, settings, services, proxy, workload, port, protocol);
    return {
      port: port.port,
      listen,
      applicationAddress: proxy.applicationAddress,
      ...(program && { program }),
      ...(entry && { ingress: { value: protocol, by: entry.by } }),
      protocol,
      mtls: mutualTlsMode(peers, port.port),
      ...(settings.meshParameters && { meshParameters: settings.meshParameters }),
      ...(distrustedRoot !== undefined && { distrustedRoot }),
      ...(isHttp(protocol) && { maxConnectionDuration: byDefault(900_000, 'R17') }),
      ...(pool && { pool }),
      ...(requests && { requestsPerConnection: requests }),
      ...(httpVersion && { httpVersion }),
      retries: inboundRetries(protocol),
      authorization: resolveAuthorization(settings, authorization, port.port, isHttp(protocol), authorizer),
      ...(protocol === 'auto' && {
        ofBytes: resolveAuthorization(settings, authorization, port.port, false, authorizer),
      }),
      ...(tokens && isHttp(protocol) && { tokens }),
      terms: settings.terms,
    };
  });
  ports.sort((a, b) => a.port - b.port || a.listen.port - b.listen.port);
  const inbound = keepEqualItems(known?.inbound, ports, (port) => `${port.port} ${port.listen.port}`);
  memory.set(proxy, withNext(lasts, known, { decidedBy, inbound }));
  return inbound;
}
