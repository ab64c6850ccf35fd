import type { AnswerCluster, RouteAnswer } from '../model/route-answer.ts';
import type { EjectedBy } from '../model/status.ts';
import type { ClusterTrouble } from '../telemetry/cluster-troubles.ts';
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

/** Of the sidecars of a service the one that holds out most of a cluster. */
export function mostEjected(
  troubles: readonly Pick<ClusterTrouble, 'proxy' | 'cluster' | 'ejected'>[],
  caller: { readonly name: string; readonly namespace: string },
  cluster: string,
): AnswerCluster['ejected'] {
  const [most] = troubles
    .filter(
      ({ proxy, cluster: of }) =>
        of === cluster && proxy.service === caller.name && proxy.namespace === caller.namespace,
    )
    .flatMap(({ proxy, ejected }) => (ejected === undefined ? [] : [{ proxy: proxy.id, ...ejected }]))
    .sort((a, b) => b.endpoints - a.endpoints);
  return most;
}

/** The answer, and what sidecars of the caller's service hold out. */
export function withEjected(
  answer: RouteAnswer,
  caller: Parameters<typeof mostEjected>[1],
  troubles: Parameters<typeof mostEjected>[0],
): RouteAnswer {
  const clusters = answer.clusters.map((cluster) => {
    const ejected = mostEjected(troubles, caller, cluster.cluster);
    return ejected === undefined ? cluster : { ...cluster, ejected };
  });
  return { ...answer, clusters };
}

/** Whether nobody of a destination is left to be called. */
export function areAllEjected(ejected: AnswerCluster['ejected']): boolean {
  return ejected?.of !== undefined && ejected.endpoints >= ejected.of;
}
