import { type Layer, resourcesOf } from './layer.ts';
import { costOfNames } from './name-cost.ts';
import { keysOf, valueOf } from './persistent-map.ts';
import { nowhere } from './resource.ts';
import { virtualHostType } from './resource-types.ts';
import { namesOf } from './snapshot.ts';
import { force, nothingHeld, type Subscription, withAll } from './subscription.ts';

/**
 * X67, E28: Envoy begins VHDS without a name, and waits 15 s unless it hears of a virtual host of each of its route
 * configurations; one that nobody asks for will do. So a name in each of them counts as asked for: of the route
 * configurations that this stream subscribes to, or, where it is a stream of VHDS alone, of those that have virtual hosts.
 */
export function withPlaceholders(
  hosts: Subscription,
  routes: Subscription | undefined,
  layers: readonly Layer[],
): Subscription {
  // Nothing can be missing that was not before while both lists are the same.
  const against = routes === undefined ? layers : routes.names;
  if (!hosts.first && complete.get(hosts.names) === against) return hosts;
  const configurations =
    routes === undefined ? namespaces(namesOf(layers, hosts.type.typeUrl)) : new Set(keysOf(routes.names));
  const all = [...configurations].map(placeholderIn);
  const missing = all.filter((name) => valueOf(hosts.names, name) === undefined);
  // Who begins with names, as gRPC and a returning Envoy do, waits for nothing else.
  const beganWithout = hosts.first && hosts.names.size === 0;
  if (missing.length === 0 || !(beganWithout || missing.length < all.length)) {
    if (!hosts.first) complete.set(hosts.names, against);
    return hosts;
  }
  const named = {
    ...hosts,
    names: withAll(hosts.names, missing, true),
    namesCost: hosts.namesCost + costOfNames(missing),
  };
  return hosts.agreed ? force({ ...named, differs: withAll(hosts.differs, missing, nothingHeld) }, missing) : named;
}

const complete = new WeakMap<Subscription['names'], object>();

/** Whether the name stands for no host at all. */
export function isPlaceholder(name: string): boolean {
  return name.endsWith(`/${nowhere}`);
}

function placeholderIn(configuration: string): string {
  return `${configuration}/${nowhere}`;
}

function namespaces(names: Iterable<string>): ReadonlySet<string> {
  const all = new Set<string>();
  for (const name of names) all.add(routesOf(name));
  all.delete('');
  return all;
}

/** The route configuration that a virtual host stands in: names are split at the right (X111). */
export function routesOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

const byRoutes = new WeakMap<object, ReadonlyMap<string, readonly string[]>>();

/** The names of all virtual hosts of a route configuration. Remembered: a stream may be sent thousands of configurations. */
export function hostsUnder(layers: readonly Layer[], configuration: string): readonly string[] {
  return layers.flatMap((layer) => {
    const hosts = resourcesOf(layer, virtualHostType);
    let known = byRoutes.get(hosts);
    if (known === undefined) {
      const names = new Map<string, string[]>();
      for (const name of keysOf(hosts)) {
        const list = names.get(routesOf(name));
        if (list === undefined) names.set(routesOf(name), [name]);
        else list.push(name);
      }
      known = names;
      byRoutes.set(hosts, known);
    }
    return known.get(configuration) ?? [];
  });
}
