import { type Layer, resourcesOf } from '../xds/layer.ts';
import { entriesOf, type PersistentMap } from '../xds/persistent-map.ts';
import type { Resource, ResourceReference } from '../xds/resource.ts';
import { clusterType, listenerType, routeType, virtualHostType } from '../xds/resource-types.ts';
import { lookup, namesOf } from '../xds/snapshot.ts';
import type { TypeStatus } from '../xds/status.ts';
import type { Variant } from '../xds/subscription.ts';
import { routesOf } from '../xds/virtual-hosts.ts';

/**
 * The types of which a client has yet to ask for something, or to be told anything, of what the view that it has seen last leads it to: a
 * listener leads to its route configuration, a cluster to its endpoints, both to their secrets, a route configuration to its virtual hosts.
 * Between the acknowledgement of the one and the request for the other nothing is on its way, and yet the proxy does not have all.
 */
export function notAskedYet(types: readonly TypeStatus[], variant: Variant): ReadonlySet<string> {
  const missing = new Set<string>();
  const [first] = types;
  // Who has asked for nothing is no proxy yet.
  if (first === undefined) return missing;
  const byUrl = new Map(types.map((type) => [type.typeUrl, type]));
  const isAsked = ({ typeUrl, name }: ResourceReference): boolean => {
    const type = byUrl.get(typeUrl);
    return type !== undefined && (type.wildcard || type.isSubscribed(name));
  };
  for (const typeUrl of [clusterType, listenerType]) {
    const type = byUrl.get(typeUrl);
    const { seen } = type ?? first;
    if (type === undefined && namesOf(seen, typeUrl).next().done !== true) missing.add(typeUrl);
    if (type === undefined) continue;
    for (const layer of seen)
      for (const { name, leadsTo } of leading(layer, typeUrl)) {
        if (!type.wildcard && !type.isSubscribed(name)) continue;
        for (const reference of leadsTo) {
          // What is not there is waited for by nobody.
          if (missing.has(reference.typeUrl) || isAsked(reference)) continue;
          if (lookup(seen, reference.typeUrl, reference.name) !== undefined) missing.add(reference.typeUrl);
        }
      }
  }
  // State of the world has no virtual hosts of their own: route configurations come whole.
  if (variant === 'delta' && awaitsHosts(byUrl)) missing.add(virtualHostType);
  for (const type of types) if (type.awaitsFirstAnswer && isThere(type)) missing.add(type.typeUrl);
  return missing;
}

function awaitsHosts(byUrl: ReadonlyMap<string, TypeStatus>): boolean {
  const [routes, hosts] = [byUrl.get(routeType), byUrl.get(virtualHostType)];
  if (routes === undefined || hosts?.awaitsFirstAnswer === false) return false;
  return routes.seen.some((layer) => [...configurationsIn(layer)].some((name) => routes.isSubscribed(name)));
}

/** Whether there is anything of what a client asked for. */
function isThere({ wildcard, typeUrl, seen, subscribed }: TypeStatus): boolean {
  if (wildcard) return namesOf(seen, typeUrl).next().done !== true;
  return subscribed.some((name) => lookup(seen, typeUrl, name) !== undefined);
}

/** What a resource leads its client to ask for by name: clusters come without. */
interface Leading {
  readonly name: string;
  readonly leadsTo: readonly ResourceReference[];
}

const known = new WeakMap<PersistentMap<Resource>, readonly Leading[]>();

/** Found once for each list of resources, which all proxies of a layer share. */
function leading(layer: Layer, typeUrl: string): readonly Leading[] {
  const resources = resourcesOf(layer, typeUrl);
  const found =
    known.get(resources) ??
    Array.from(entriesOf(resources), ([name, { references }]) => ({
      name,
      leadsTo: references.filter((reference) => reference.typeUrl !== clusterType),
    })).filter(({ leadsTo }) => leadsTo.length > 0);
  known.set(resources, found);
  return found;
}

const configurations = new WeakMap<PersistentMap<Resource>, ReadonlySet<string>>();

/** The route configurations that have virtual hosts of their own. */
function configurationsIn(layer: Layer): ReadonlySet<string> {
  const hosts = resourcesOf(layer, virtualHostType);
  const found = configurations.get(hosts) ?? new Set(Array.from(entriesOf(hosts), ([name]) => routesOf(name)));
  configurations.set(hosts, found);
  return found;
}
