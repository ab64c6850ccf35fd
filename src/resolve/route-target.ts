import type { Scope } from '../model/ir.ts';
import type { DestinationRef } from '../model/ir-destination.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { serviceKeyOf } from '../model/service.ts';
import type { Destination } from '../model/virtual-service.ts';
import { resolveHost } from '../policy/hosts.ts';
import { refTo } from './destination.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { ServiceIndex } from './service-index.ts';
import { findService } from './service-index.ts';

/** What the names in a VirtualService mean for one scope. */
export interface TargetContext {
  readonly settings: MeshDefaults;
  readonly services: ServiceIndex;
  readonly scope: Scope;
}

/**
 * What a route's destination names: P1 for the host, P14 for the port (given, else the only one, else the called one). A service, port
 * or subset that exists no longer keeps its reference: no destination answers to it, so the request gets 503 instead of another service.
 */
export function routeTarget(
  context: TargetContext,
  object: VirtualServiceObject,
  destination: Destination,
  calledPort: number,
): DestinationRef {
  const host = resolveHost(destination.host, object.namespace, context.settings.dnsSuffix);
  const service = findService(context.services, host, context.scope.namespace, object.namespace);
  const [only, another] = service?.ports ?? [];
  const port = destination.port ?? (only && another === undefined ? only.number : calledPort);
  if (service) {
    const ref = refTo(service, port, destination.subset);
    return service.ports.some(({ number }) => number === port) ? ref : { ...ref, missing: true };
  }
  const [name, namespace] = nameOf(host, object.namespace, context.settings.dnsSuffix);
  const ref = { service: serviceKeyOf(namespace, host), namespace, name, host, port, missing: true } as const;
  return destination.subset === undefined ? ref : { ...ref, subset: destination.subset };
}

/** The services that an object's destinations name, in the order written: with the object they decide its routes. */
export function targetsOf(context: TargetContext, object: VirtualServiceObject): readonly (Service | undefined)[] {
  const { http, tls, tcp } = object.spec;
  const requests = http.flatMap(({ route, mirrors }) => [...route, ...mirrors]);
  const connections = [...tls, ...tcp].flatMap(({ route }) => route);
  return [...requests, ...connections].map(({ destination }) => {
    const host = resolveHost(destination.host, object.namespace, context.settings.dnsSuffix);
    return findService(context.services, host, context.scope.namespace, object.namespace);
  });
}

function nameOf(host: string, namespace: string, dnsSuffix: string): readonly [name: string, namespace: string] {
  const ending = `.svc.${dnsSuffix}`;
  if (!host.endsWith(ending)) return [host, namespace];
  const [name, stated, more] = host.slice(0, -ending.length).split('.');
  return name && stated && more === undefined ? [name, stated] : [host, namespace];
}
