import type { AnswerCluster, RouteAnswer } from '../model/route-answer.ts';
import { isNobodyLeft } from './held-out.ts';

/**
 * Whether the call fails, or a share of it, as far as can be seen: nobody takes it; the sidecar itself answers it with an error; it is let in
 * nowhere, or not everywhere; there is no such destination, or, of a running mesh, nobody well behind it; a proxy of the caller or of the
 * called refused what decides it.
 */
export function wouldFail(answer: RouteAnswer): boolean {
  const { outcome, clusters, aborted, authorization, proxies, called } = answer;
  if (outcome === 'no-rule' || outcome === 'refuse' || outcome === 'invalid') return true;
  if (answersError(answer) || aborted !== undefined) return true;
  if ([proxies, called].some((of) => of?.otherwise.some(({ state }) => state === 'refused'))) return true;
  if (authorization?.answers.some((each) => each.outcome === 'refused') === true) return true;
  return clusters.some((cluster) => cluster.percent > 0 && isEmpty(cluster, proxies !== undefined));
}

/** Whether nobody is there to be called, as far as files or, with `isLive`, a running mesh can tell. */
export function isEmpty(cluster: AnswerCluster, isLive: boolean): boolean {
  const { discovery, endpoints } = cluster;
  if (discovery === undefined || isNobodyLeft(cluster)) return true;
  return discovery === 'registry' && isLive && !endpoints.some(({ healthy }) => healthy);
}

/** Whether a rule has the sidecar of the caller answer with an error (`directResponse`). */
export function answersError({ outcome, status = 0 }: Pick<RouteAnswer, 'outcome' | 'status'>): boolean {
  return outcome === 'respond' && status >= 400;
}
