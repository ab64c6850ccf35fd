import type { View } from '../model/ir.ts';
import type { ZoneBalance } from '../model/ir-load-balancing.ts';
import { localityText, parseLocality } from '../model/locality.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { Health } from '../model/workload.ts';
import { remembered } from './keep.ts';

/** A locality as a key; whoever says nothing has none of all the others. */
export function textOf(locality: Locality | undefined): string {
  return locality === undefined ? '' : localityText(locality);
}

const balanced = new WeakMap<View, boolean>();

/** Whether any of a view's endpoint sets changes with where clients of a service run. Remembered. */
export function balancesZones(view: View): boolean {
  const known = balanced.get(view);
  if (known !== undefined) return known;
  const destinations = view.services.flatMap(({ ports }) => ports.flatMap((port) => port.destinations));
  const found = destinations.some(({ locality }) => locality?.value.balance !== undefined);
  balanced.set(view, found);
  return found;
}

const memory = new WeakMap<Mesh['workloads'], Map<string, ReadonlyMap<string, number>>>();

/** How many healthy workloads of a service run in each locality. Remembered on the workloads. */
export function clientsOf(
  { workloads }: Pick<Mesh, 'workloads'>,
  { namespace, service }: Pick<ZoneBalance, 'namespace' | 'service'>,
): ReadonlyMap<string, number> {
  const byService = remembered(memory, workloads, () => new Map<string, ReadonlyMap<string, number>>());
  const key = `${namespace}/${service}`;
  const known = byService.get(key);
  if (known !== undefined) return known;
  const counts = new Map<string, number>();
  for (const workload of workloads.values()) {
    if (workload.namespace !== namespace || workload.service !== service || workload.health !== 'healthy') continue;
    const place = textOf(workload.locality);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  byService.set(key, counts);
  return counts;
}

/** Shares are told in so many parts. */
const parts = 10_000;

/**
 * The weight of each locality for a client in one of them, as Envoy balances zones: what its own locality has of the region's endpoints,
 * against what it has of the region's clients, stays there; the rest goes where there are more endpoints than clients, by how many more. Undefined: there is nothing
 * to balance (one locality only, none of the client's own, or fewer endpoints than the setting wants), so weights are those of the endpoints.
 */
export function balanceZones(
  { own, least }: ZoneBalance,
  placed: readonly {
    readonly endpoint: { readonly locality?: Locality; readonly health?: Health };
    readonly priority: number;
  }[],
  clients: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> | undefined {
  const first = placed.filter(({ priority }) => priority === 0).map(({ endpoint }) => endpoint);
  const endpoints = new Map<string, number>();
  for (const { locality, health } of first) {
    const place = textOf(locality);
    endpoints.set(place, (endpoints.get(place) ?? 0) + (health === 'unhealthy' ? 0 : 1));
  }
  const here = textOf(own);
  const share = (counts: ReadonlyMap<string, number>) => {
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return (place: string) => (all === 0 ? 0 : (counts.get(place) ?? 0) / all);
  };
  // Clients of other regions have other endpoints to call first.
  const near = new Map([...clients].filter(([place]) => parseLocality(place).region === own.region));
  const [ofEndpoints, ofClients] = [share(endpoints), share(near)];
  if (first.length < least || endpoints.size < 2 || ofEndpoints(here) === 0 || ofClients(here) === 0) return undefined;
  const kept = Math.min(1, ofEndpoints(here) / ofClients(here));
  const room = [...endpoints.keys()].map(
    (place) => [place, Math.max(0, ofEndpoints(place) - ofClients(place))] as const,
  );
  const allRoom = room.reduce((sum, [, more]) => sum + more, 0);
  return new Map(
    room.map(([place, more]) => {
      const part = place === here ? kept : allRoom === 0 ? 0 : ((1 - kept) * more) / allRoom;
      return [place, Math.round(part * parts)];
    }),
  );
}
