import {
  allVirtualHosts,
  clusterType,
  endpointType,
  routeType,
  scopedRouteType,
  virtualHostType,
} from './resource-types.ts';
import type { StreamState } from './stream-state.ts';
import { type Flight, force, isSubscribed, type Subscription } from './subscription.ts';
import { subscriptionOf } from './subscription-of.ts';
import { hostsUnder } from './virtual-hosts.ts';

type Told = Pick<StreamState, 'variant' | 'seen' | 'subscriptions'>;

/** What is owed of another type, held or not, once this response is sent; undefined: nothing. */
export function owedAfter(state: Told, { type, inFlight }: Subscription): Subscription | undefined {
  if (inFlight === undefined) return undefined;
  if (type.typeUrl === clusterType) return endpointsAfter(state, inFlight);
  if (type.typeUrl === routeType) return hostsAfter(state, inFlight);
  return type.typeUrl === scopedRouteType ? routesAfter(state, inFlight) : undefined;
}

/** X87, X89: the endpoints of every EDS cluster just sent are owed again, whatever was sent or acknowledged before. */
function endpointsAfter(state: Told, { sent }: Flight): Subscription | undefined {
  const endpoints = subscriptionOf(state, endpointType);
  // A subscription without its first answer is owed everything anyway.
  if (endpoints === undefined || (endpoints.names.size === 0 && !endpoints.wildcard)) return undefined;
  const asked: string[] = [];
  for (const { edsName } of sent) if (edsName !== undefined && isSubscribed(endpoints, edsName)) asked.push(edsName);
  return asked.length === 0 ? undefined : force(endpoints, asked);
}

/**
 * Envoy passes over virtual hosts of a route configuration that it does not have: those of one that it is only just sent are owed, again if
 * need be.
 */
function hostsAfter(state: Told, { sent, before }: Flight): Subscription | undefined {
  const hosts = subscriptionOf(state, virtualHostType);
  // A subscription without its first answer is owed everything anyway.
  if (hosts?.type !== allVirtualHosts || !hosts.agreed) return undefined;
  const fresh = sent.filter(({ name }) => !before.has(name));
  const owed = fresh.flatMap(({ name }) => hostsUnder(state.seen, name));
  return owed.length === 0 ? undefined : force(hosts, owed);
}

/**
 * Where a scope leaves a route configuration to which another comes, Envoy forgets the configuration and asks for it anew: in delta in so
 * many words (X69), in SotW by a request that looks like an ACK. The other scope would answer 404 until the routes change.
 */
function routesAfter(state: Told, { sent }: Flight): Subscription | undefined {
  const routes = subscriptionOf(state, routeType);
  if (routes === undefined || state.variant === 'delta') return undefined;
  const asked = sent.flatMap(({ references }) =>
    references.filter(({ typeUrl, name }) => typeUrl === routeType && isSubscribed(routes, name)),
  );
  return asked.length === 0 ? undefined : force(routes, [...new Set(asked.map(({ name }) => name))]);
}
