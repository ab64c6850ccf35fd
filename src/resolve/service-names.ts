import { isIP } from 'node:net';
import { compareText } from '../model/compare-text.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

type Names = ReadonlyMap<ServiceKey, readonly string[]>;

const memory = new WeakMap<readonly Service[], WeakMap<MeshSettings, Map<string, Names>>>();

/**
 * P4: the names by which clients of a namespace may call each of the services that they see. No name stands at two services: one's full name
 * goes before another's short name or address, the client's own namespace before others, then the first by key. Remembered.
 */
export function serviceNames(services: readonly Service[], settings: MeshSettings, clientNamespace: string): Names {
  const bySettings = remembered(memory, services, () => new WeakMap<MeshSettings, Map<string, Names>>());
  const byNamespace = remembered(bySettings, settings, () => new Map<string, Names>());
  let names = byNamespace.get(clientNamespace);
  if (names === undefined) {
    names = claimNames(services, settings, clientNamespace);
    byNamespace.set(clientNamespace, names);
  }
  return names;
}

function claimNames(services: readonly Service[], settings: MeshSettings, clientNamespace: string): Names {
  const seen = [...services].sort(
    (a, b) =>
      Number(b.namespace === clientNamespace) - Number(a.namespace === clientNamespace) || compareText(a.key, b.key),
  );
  const owners = new Map<string, ServiceKey>();
  const wanted = seen.map((service) => ({ service, names: namesOf(service, settings, clientNamespace) }));
  for (const { service } of wanted) {
    const host = plainHost(service.host);
    if (!owners.has(host)) owners.set(host, service.key);
  }
  for (const { service, names } of wanted) {
    for (const name of names) if (!owners.has(name)) owners.set(name, service.key);
  }
  return new Map(
    wanted.map(({ service, names }) => [service.key, names.filter((name) => owners.get(name) === service.key)]),
  );
}

/** P4, P5. Addresses that are ranges are no names; an IPv6 address stands in brackets, as a URI's host does. */
function namesOf(service: Service, settings: MeshSettings, clientNamespace: string): readonly string[] {
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
