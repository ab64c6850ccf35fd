import type { AnswerCluster, RouteAnswer } from '../model/route-answer.ts';
import type { DestinationOut, ProxyStatus } from '../model/status.ts';
import { type EndpointsOut, type HeldOut, heldOutBy, type OutReason } from '../model/traffic.ts';
import type { ClusterTrouble } from '../telemetry/cluster-troubles.ts';
import type { TrafficStore } from '../telemetry/traffic-store.ts';
import { destinationOfCluster } from '../translate/names.ts';

/** What sidecars hold out, as telemetry has heard it. */
export type HeardOut = HeldOut & Pick<ClusterTrouble, 'proxy' | 'cluster'>;

/** By the id of a proxy, what it holds out at present, by destination. */
export type HeldOutByProxies = (proxyId: string) => Pick<ProxyStatus, OutReason>;

/** As telemetry has it now. */
export function heldOutByProxies(traffic: Pick<TrafficStore, 'troubles'>, now: number): HeldOutByProxies {
  const troubles = new Map<string, HeardOut[]>();
  for (const trouble of traffic.troubles(0, now))
    troubles.set(trouble.proxy.id, [...(troubles.get(trouble.proxy.id) ?? []), trouble]);
  return (proxyId) =>
    heldOutBy((why) => {
      const all = (troubles.get(proxyId) ?? []).flatMap(({ cluster, [why]: out }): DestinationOut[] =>
        out === undefined ? [] : [{ destination: destinationOfCluster(cluster)?.text ?? cluster, ...out }],
      );
      return all.length === 0 ? undefined : all;
    });
}

/** Of the sidecars of a service the one that holds out most of a cluster. A check that nobody makes any more tells nothing. */
export function mostHeldOut(
  troubles: readonly HeardOut[],
  caller: { readonly name: string; readonly namespace: string },
  { cluster, healthChecked }: Pick<AnswerCluster, 'cluster' | 'healthChecked'>,
): Pick<AnswerCluster, OutReason> {
  const own = troubles.filter(
    ({ proxy, cluster: of }) => of === cluster && proxy.service === caller.name && proxy.namespace === caller.namespace,
  );
  return heldOutBy((why) => {
    if (why === 'unhealthy' && !healthChecked) return undefined;
    const outs = own.flatMap(({ proxy, [why]: out }) => (out === undefined ? [] : [{ proxy: proxy.id, ...out }]));
    return outs.sort((a, b) => b.endpoints - a.endpoints)[0];
  });
}

/** The answer, and what sidecars of the caller's service hold out. */
export function withHeldOut(
  answer: RouteAnswer,
  caller: Parameters<typeof mostHeldOut>[1],
  troubles: readonly HeardOut[],
): RouteAnswer {
  const clusters = answer.clusters.map((cluster) => ({ ...cluster, ...mostHeldOut(troubles, caller, cluster) }));
  return { ...answer, clusters };
}

/** What is told of each reason. */
export const outBecause: Readonly<Record<OutReason, string>> = {
  ejected: 'calls there failed too often',
  unhealthy: 'its health checks fail there',
};

/** Whether nobody of a destination is left to be called; where a rule has all called then, there is (D8). */
export function isNobodyLeft({ panicBelow, ejected, unhealthy }: HeldOut & Pick<AnswerCluster, 'panicBelow'>): boolean {
  return panicBelow === undefined && [ejected, unhealthy].some(areAll);
}

function areAll(out: EndpointsOut | undefined): boolean {
  return out?.of !== undefined && out.endpoints >= out.of;
}
