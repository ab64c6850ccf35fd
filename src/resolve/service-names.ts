import { isIP } from 'node:net';
import { compareText } from '../model/compare-text.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

/** By which names clients of one namespace call services. */
export interface ServiceNames {
  readonly get: (key: ServiceKey) => readonly string[] | undefined;
  /** Those of the services that clients of another namespace may have to call otherwise; all others have the same for everybody. */
  readonly own: ReadonlyMap<ServiceKey, readonly string[]>;
}

/** What clients of all namespaces have in common. */
interface Common {
  readonly names: ReadonlyMap<ServiceKey, readonly string[]>;
  readonly byNamespace: ReadonlyMap<string, readonly Service[]>;
  readonly byName: ReadonlyMap<string, Service>;
  /** Services of which some name is wanted by another, too. */
  readonly contested: ReadonlySet<Service>;
  readonly clients: Map<string, ServiceNames>;
}

const memory = new WeakMap<readonly Service[], WeakMap<MeshSettings, Common>>();

/**
 * P4: the names by which clients of a namespace may call each of the services that they see. No name stands at two services: what the
 * client's own namespace declares goes first, then the Service whose name it is, then the full name of another's ServiceEntry, then
 * addresses; of equals the client's own namespace's, then the first by key. Remembered; a further namespace costs what it has of
 * services, and what is contested.
 */
export function serviceNames(
  services: readonly Service[],
  settings: MeshSettings,
  clientNamespace: string,
): ServiceNames {
  const bySettings = remembered(memory, services, () => new WeakMap<MeshSettings, Common>());
  const common = remembered(bySettings, settings, () => commonOf(services, settings));
  const known = common.clients.get(clientNamespace);
  if (known !== undefined) return known;
  const local = common.byNamespace.get(clientNamespace) ?? [];
  const rivals = local.flatMap(({ name }) => common.byName.get(name) ?? []);
  const own = claimNames([...new Set([...local, ...common.contested, ...rivals])], settings, clientNamespace);
  const names = { own, get: (key: ServiceKey) => own.get(key) ?? common.names.get(key) };
  common.clients.set(clientNamespace, names);
  return names;
}

function commonOf(services: readonly Service[], settings: MeshSettings): Common {
  const names = new Map<ServiceKey, readonly string[]>();
  const byNamespace = new Map<string, Service[]>();
  const byName = new Map<string, Service>();
  const contested = new Set<Service>();
  for (const service of services) {
    const wanted = namesOf(service, settings, undefined);
    names.set(service.key, wanted);
    const neighbours = byNamespace.get(service.namespace);
    if (neighbours) neighbours.push(service);
    else byNamespace.set(service.namespace, [service]);
    for (const name of wanted) {
      const other = byName.get(name);
      if (other === undefined) byName.set(name, service);
      else if (other.key !== service.key) contested.add(other).add(service);
    }
  }
  return { names, byNamespace, byName, contested, clients: new Map() };
}

/** Of services that want no name which a service that is left out wants. */
function claimNames(
  services: readonly Service[],
  settings: MeshSettings,
  clientNamespace: string,
): ReadonlyMap<ServiceKey, readonly string[]> {
  const seen = [...services].sort(
    (a, b) =>
      Number(b.namespace === clientNamespace) - Number(a.namespace === clientNamespace) || compareText(a.key, b.key),
  );
  const owners = new Map<string, ServiceKey>();
  const wanted = seen.map((service) => ({ service, names: namesOf(service, settings, clientNamespace) }));
  for (const right of [0, 1, 2, 3]) {
    for (const { service, names } of wanted) {
      for (const name of names) {
        if (!owners.has(name) && rightTo(service, name, clientNamespace) === right) owners.set(name, service.key);
      }
    }
  }
  return new Map(
    wanted.map(({ service, names }) => [service.key, names.filter((name) => owners.get(name) === service.key)]),
  );
}

/**
 * Who has a name, the least first: what the client's own namespace declares by it (P8); the Service whose name it is (P4), which nobody of
 * another namespace takes away with a ServiceEntry of that host; a ServiceEntry that names it; an address.
 */
function rightTo({ origin, host, namespace }: Service, name: string, clientNamespace: string): number {
  const isHost = plainHost(host) === plainHost(name);
  if (isHost && namespace === clientNamespace) return 0;
  if (origin === 'entry') return isHost ? 2 : 3;
  return name.startsWith('[') || isIP(name) !== 0 ? 3 : 1;
}

/** P4, P5. Addresses that are ranges are no names; an IPv6 address stands in brackets, as a URI's host does. */
function namesOf(service: Service, settings: MeshSettings, clientNamespace: string | undefined): readonly string[] {
  const host = plainHost(service.host);
  const addresses = service.addresses.flatMap((address) => {
    const kind = isIP(address);
    return kind === 0 ? [] : [kind === 6 ? `[${address.toLowerCase()}]` : address];
  });
  if (service.origin === 'entry') {
    const dotted = host.startsWith('*') || isIP(host) !== 0 ? [] : [`${host}.`];
    return [...new Set([host, ...dotted, ...addresses])];
  }
  const base = `${service.name}.${service.namespace}`;
  const full = `${base}.svc.${settings.dnsSuffix}`;
  const bare = service.namespace === clientNamespace ? [service.name] : [];
  return [...new Set([...bare, base, `${base}.svc`, full, `${full}.`, `${base}.mesh`, ...addresses])];
}
