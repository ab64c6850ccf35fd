import type { OutboundPort, OutboundService } from '../model/ir.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import { localPortKey } from '../model/mesh.ts';
import type { Service } from '../model/service.ts';
import { isHttp } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import { resolveConnections } from './connection-route.ts';
import { resolveCounters } from './counters.ts';
import { destinationsOf } from './destination.ts';
import { chooseDestinationRule } from './destination-rule.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { chooseHealthChecks } from './health-check.ts';
import { remembered } from './keep.ts';
import { looksAtClients } from './looked-at.ts';
import type { PolicyIndex } from './policy-index.ts';
import { resolveRoutes } from './route.ts';
import type { TargetContext } from './route-target.ts';
import { targetsOf } from './route-target.ts';
import { scopeKey } from './scope.ts';
import { targetRules } from './target-rule.ts';
import { chooseVirtualService } from './virtual-service.ts';

/** Everything besides the service that decides how one scope calls it. */
export interface OutboundContext extends TargetContext {
  readonly mesh: Mesh;
  readonly policies: PolicyIndex;
}

interface Known {
  readonly decidedBy: readonly unknown[];
  /** Nothing else of the client decided: whoever it is decided by the same for has the same. */
  readonly isForAll: boolean;
  /** The service with these ports, under the names that its clients have for it. */
  readonly named: Map<string, OutboundService>;
  readonly ports: readonly OutboundPort[];
}

const memory = new WeakMap<Service, Map<string, Known>>();

/**
 * How one scope calls one service. Remembered on the objects that decide it: as long as these are the same (chosen policies, services
 * that routes name, destinations, names, local ports) the very same value comes back, whatever else in the mesh changed, and scopes for
 * which they are the same share it, with all that is made of it, unless its rules look at who calls (P10). Where names alone differ, the ports
 * are the same.
 */
export function resolveService(
  context: OutboundContext,
  service: Service,
  names: readonly string[],
  facts: EndpointFacts,
): OutboundService {
  const { mesh, policies, scope, settings } = context;
  const virtualService = chooseVirtualService(policies, service, scope.namespace);
  const rule = chooseDestinationRule(policies, settings, service, scope);
  const checks = chooseHealthChecks(policies, settings, service, scope.namespace);
  const ports = service.ports.map((port) => ({
    port,
    localPort: mesh.localPorts.get(localPortKey(service.key, port.number)),
    destinations: destinationsOf(settings, service, port, rule, facts, checks, scope),
  }));
  const decidedBy = [
    settings,
    virtualService,
    ...(virtualService ? targetsOf(context, virtualService) : []),
    ...(virtualService ? targetRules(context, virtualService) : []),
    ...ports.flatMap(({ localPort, destinations }) => [localPort, destinations]),
  ];
  const byScope = remembered(memory, service, () => new Map<string, Known>());
  const key = scopeKey(scope);
  const known = byScope.get(key);
  if (known && sameItems(known.decidedBy, decidedBy)) return named(known, service, names);
  const isForAll = virtualService === undefined || !looksAtClients(virtualService);
  if (isForAll) {
    for (const other of byScope.values()) {
      if (!other.isForAll || !sameItems(other.decidedBy, decidedBy)) continue;
      byScope.set(key, other);
      return named(other, service, names);
    }
  }
  resolveCounters.services += 1;
  const decided = ports.flatMap(({ port, localPort, destinations }) => {
    const [whole] = destinations;
    if (whole === undefined) return [];
    const routes = isHttp(port.protocol) ? resolveRoutes(context, service, port, virtualService) : [];
    const connections = resolveConnections(context, service, port, whole, virtualService);
    return [
      {
        port: port.number,
        protocol: port.protocol,
        ...(localPort === undefined ? {} : { localPort }),
        destination: whole,
        ...(connections && { connections }),
        routes,
        destinations,
      },
    ];
  });
  const made = { decidedBy, isForAll, named: new Map<string, OutboundService>(), ports: decided };
  byScope.set(key, made);
  return named(made, service, names);
}

function named({ named: byNames, ports }: Known, service: Service, names: readonly string[]): OutboundService {
  const key = names.join(' ');
  const known = byNames.get(key);
  if (known !== undefined) return known;
  const { key: ofService, namespace, name, host } = service;
  const outbound = { service: ofService, namespace, name, host: plainHost(host), names, ports };
  byNames.set(key, outbound);
  return outbound;
}
