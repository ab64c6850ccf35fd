import { isIP } from 'node:net';
import type { View } from '../model/ir.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { Inbound } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { selects } from '../model/selector.ts';
import type { Endpoint } from '../model/service.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { indexServices } from '../resolve/service-index.ts';
import { destinationOf } from './call-decisions.ts';

/** A workload that a call may reach, and what stands before its port. */
export interface CallTarget {
  readonly workload: string;
  /** `reviews.shop` */
  readonly service: string;
  /** The application's. */
  readonly port: number;
  /** Where callers connect; absent: of files alone, or a name. */
  readonly address?: string;
  /** Absent: no sidecar is connected there. */
  readonly inbound?: Inbound;
  /** It joined, and its sidecar is away: who knows what it had. */
  readonly disconnected?: true;
  /** Of a host outside of the mesh. */
  readonly external?: true;
  /** Whether callers with an identity speak mesh TLS to it. */
  readonly meshTls: boolean;
  readonly serverName?: string;
  /** Absent: of files alone, which do not know who is well. */
  readonly healthy?: boolean;
}

/**
 * Whom a destination leads to. `proxyOf`: the proxy of a workload, or of a name that files describe where nobody serves the destination.
 */
export function callTargets(
  mesh: Mesh,
  view: View,
  ref: DestinationRef,
  proxyOf: (id: string) => Proxy | undefined,
): readonly CallTarget[] {
  const destination = destinationOf(view, ref);
  if (destination === undefined) return [];
  const service = ref.name === ref.host ? ref.host : `${ref.name}.${ref.namespace}`;
  const all = mesh.endpoints.get(ref.service)?.get(ref.port) ?? [];
  const called = new Map(resolveEndpoints(mesh, destination).endpoints.map((each) => [each.workload, each]));
  const external = indexServices(mesh.services).byKey.get(ref.service)?.external === true;
  const served = all.filter(({ workload }) => called.has(workload));
  if (served.length === 0) return describedTarget(mesh, destination, service, proxyOf);
  return served.map((endpoint) => {
    const { meshTls = false, healthy = true } = called.get(endpoint.workload) ?? {};
    const proxy = proxyOf(endpoint.workload);
    const isDisconnected = proxy === undefined && mesh.workloads.get(endpoint.workload)?.source === 'proxy';
    const port = applicationPort(endpoint);
    const inbound = proxy && resolveInbound(mesh, proxy).find((each) => each.port === port);
    return {
      workload: endpoint.workload,
      service,
      port,
      ...(isIP(endpoint.address) !== 0 && { address: endpoint.address }),
      ...(inbound && { inbound }),
      ...(isDisconnected && { disconnected: true as const }),
      ...(external && { external: true as const }),
      healthy,
      ...spoken(destination, meshTls),
    };
  });
}

function applicationPort({ applicationPort: own, port }: Endpoint): number {
  return own ?? port;
}

/** Without a workload: one that would serve the destination as files describe it. */
function describedTarget(
  mesh: Mesh,
  destination: Destination,
  service: string,
  proxyOf: (id: string) => Proxy | undefined,
): readonly CallTarget[] {
  const { ref } = destination;
  const proxy = proxyOf(`${ref.name}.${ref.namespace}`);
  const written = mesh.policies.objects.find(
    (object) => object.kind === 'Service' && object.namespace === ref.namespace && object.name === ref.name,
  );
  if (proxy === undefined || written?.kind !== 'Service' || !selects(written.spec.selector, proxy.labels)) return [];
  const spec = written.spec.ports.find(({ port }) => port === ref.port);
  const named = proxy.ports.find(
    ({ name }) => name !== undefined && (name === spec?.name || name === spec?.targetPort),
  );
  const port = typeof spec?.targetPort === 'number' ? spec.targetPort : (named?.port ?? ref.port);
  const inbound = resolveInbound(mesh, proxy).find((each) => each.port === port);
  if (inbound === undefined) return [];
  return [{ workload: proxy.id, service, port, inbound, ...spoken(destination, inbound.mtls.value !== 'DISABLE') }];
}

function spoken({ security }: Destination, marked: boolean): Pick<CallTarget, 'meshTls' | 'serverName'> {
  if (security.kind !== 'mesh') return { meshTls: false };
  const meshTls = security.always === true || marked;
  return { meshTls, ...(meshTls ? { serverName: security.serverName } : {}) };
}
