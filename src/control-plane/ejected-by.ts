import type { EjectedBy } from '../model/status.ts';
import type { TrafficStore } from '../telemetry/traffic-store.ts';
import { destinationOfCluster } from '../translate/names.ts';

/** By the id of a proxy, what its outlier detection holds out at present, by destination. */
export function ejectedBy(
  traffic: Pick<TrafficStore, 'troubles'>,
  now: number,
): (proxyId: string) => readonly EjectedBy[] {
  const found = new Map<string, EjectedBy[]>();
  for (const { proxy, cluster, ejected } of traffic.troubles(0, now)) {
    if (ejected === undefined) continue;
    const destination = destinationOfCluster(cluster)?.text ?? cluster;
    found.set(proxy.id, [...(found.get(proxy.id) ?? []), { destination, ...ejected }]);
  }
  return (proxyId) => found.get(proxyId) ?? [];
}
