import type { Service, ServiceKey } from '../model/service.ts';
import { isVisible, plainHost } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

/** The services of a mesh by key and by canonical host; a host may be defined in several namespaces. */
export interface ServiceIndex {
  readonly byKey: ReadonlyMap<ServiceKey, Service>;
  readonly byHost: ReadonlyMap<string, readonly Service[]>;
}

const memory = new WeakMap<readonly Service[], ServiceIndex>();

/** Remembered on the list of services. */
export function indexServices(services: readonly Service[]): ServiceIndex {
  return remembered(memory, services, () => {
    const byHost = new Map<string, Service[]>();
    for (const service of services) {
      const host = plainHost(service.host);
      const list = byHost.get(host);
      if (list) list.push(service);
      else byHost.set(host, [service]);
    }
    return { byKey: new Map(services.map((service) => [service.key, service])), byHost };
  });
}

/**
 * Which of the services called `host` a client of `clientNamespace` means when an object of `objectNamespace` names it: its own
 * namespace's, else the object's, else the Service whose name it is, else the first by key; only those exported to the client (P6).
 */
export function findService(
  index: ServiceIndex,
  host: string,
  clientNamespace: string,
  objectNamespace: string,
): Service | undefined {
  const visible = (index.byHost.get(host) ?? []).filter((service) =>
    isVisible(service.exportTo, service.namespace, clientNamespace),
  );
  const inNamespace = (namespace: string) => visible.find((service) => service.namespace === namespace);
  const named = visible.find(({ origin }) => origin !== 'entry') ?? visible[0];
  return inNamespace(clientNamespace) ?? inNamespace(objectNamespace) ?? named;
}
