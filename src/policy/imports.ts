import { compareText } from '../model/compare-text.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { ImportedHosts, SidecarListener } from '../model/sidecar-policy.ts';
import { canonicalHost, hostCovers, isWildcardHost, plainHost } from './hosts.ts';

/** One service that a Sidecar imports. */
export interface Import {
  readonly service: Service;
  /** An entry names it, not only a wildcard that covers it. */
  readonly exact: boolean;
  /** Services of other namespaces with the same host that it was taken before, for no reason but their order (WEFT0185). */
  readonly rivals: readonly Service[];
}

interface Index {
  readonly byNamespace: ReadonlyMap<string, readonly Service[]>;
  readonly byHost: ReadonlyMap<string, readonly Service[]>;
}

const memory = new WeakMap<readonly Service[], Index>();

/**
 * P8: what egress hosts import of the services that clients of `client` see, sorted by key. Of several with one host the client's own
 * namespace's goes first, then the one that an entry names by namespace, then by host; what is left is a matter of order.
 */
export function importsOf(
  hosts: readonly ImportedHosts[],
  visible: readonly Service[],
  client: string,
  dnsSuffix: string,
): readonly Import[] {
  const entries = hosts.map((entry) => ({
    ...entry,
    namespace: entry.namespace === '.' ? client : entry.namespace,
    host: canonicalHost(entry.host, dnsSuffix),
  }));
  const excluded = entries.filter((entry) => entry.excluded);
  const isExcluded = ({ namespace, host }: Service) =>
    excluded.some((entry) => inReach(entry, namespace) && hostCovers(entry.host, plainHost(host)));
  const found = new Map<Service, number>();
  for (const entry of entries) {
    if (entry.excluded) continue;
    const closeness = (entry.namespace === '*' ? 0 : 2) + (isWildcardHost(entry.host) ? 0 : 1);
    for (const service of reachedBy(entry, visible)) {
      if ((found.get(service) ?? -1) < closeness && !isExcluded(service)) found.set(service, closeness);
    }
  }
  const byHost = new Map<string, Service[]>();
  for (const service of found.keys()) {
    const host = plainHost(service.host);
    byHost.set(host, [...(byHost.get(host) ?? []), service]);
  }
  const rank = (service: Service) => (service.namespace === client ? 4 : (found.get(service) ?? 0));
  return [...byHost.values()]
    .map((services): Import => {
      const most = Math.max(...services.map(rank));
      const [service, ...rivals] = services.filter((each) => rank(each) === most).sort(byRight);
      if (service === undefined) throw new RangeError('a host without a service');
      return { service, exact: (found.get(service) ?? 0) % 2 === 1, rivals };
    })
    .sort((a, b) => byKey(a.service, b.service));
}

function inReach({ namespace }: ImportedHosts, owner: string): boolean {
  return namespace === '*' || namespace === owner;
}

/** A service that is itself a wildcard is imported by what covers all of it. */
function reachedBy(entry: ImportedHosts, visible: readonly Service[]): readonly Service[] {
  const { byNamespace, byHost } = indexOf(visible);
  if (!isWildcardHost(entry.host))
    return (byHost.get(entry.host) ?? []).filter(({ namespace }) => inReach(entry, namespace));
  const near = entry.namespace === '*' ? visible : (byNamespace.get(entry.namespace) ?? []);
  return entry.host === '*' ? near : near.filter(({ host }) => hostCovers(entry.host, plainHost(host)));
}

function indexOf(services: readonly Service[]): Index {
  const known = memory.get(services);
  if (known) return known;
  const index = {
    byNamespace: groupBy(services, ({ namespace }) => namespace),
    byHost: groupBy(services, ({ host }) => plainHost(host)),
  };
  memory.set(services, index);
  return index;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** The Service whose name it is goes before ServiceEntries of other namespaces that have its host. */
function byRight(a: Service, b: Service): number {
  return Number(a.origin === 'entry') - Number(b.origin === 'entry') || byKey(a, b);
}

function byKey(a: Service, b: Service): number {
  return compareText(a.key, b.key);
}

/**
 * The port of an imported service that a listener leads to: the one of its number; for a service that is named, and behind a socket,
 * else its only one. `unclear`: it has several (WEFT0112). Undefined: it is not behind this listener.
 */
export function listenerPort(
  listener: SidecarListener,
  { service, exact }: Import,
): ServicePort | 'unclear' | undefined {
  const { ports } = service;
  const same = listener.kind === 'port' ? ports.find(({ number }) => number === listener.port) : undefined;
  if (same) return same;
  if (!exact && listener.kind === 'port') return undefined;
  const [only, another] = ports;
  if (another === undefined) return only;
  return exact ? 'unclear' : undefined;
}

/** Whether a list names one service and no more: then its listener needs no names to know whom a caller means. */
export function namesOne(hosts: readonly ImportedHosts[]): boolean {
  const [only, another] = hosts.filter(({ excluded }) => !excluded);
  return only !== undefined && another === undefined && !isWildcardHost(only.host);
}
