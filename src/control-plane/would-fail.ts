import type { RouteAnswer } from '../model/route-answer.ts';

/**
 * Whether the call fails, or a share of it, as far as can be seen: nobody takes it; it is let in nowhere, or not everywhere; there is no such
 * destination, or, of a running mesh, nobody well behind it; a proxy of the caller or of the called refused what decides it.
 */
export function wouldFail({ outcome, clusters, authorization, proxies, called }: RouteAnswer): boolean {
  if (outcome === 'no-rule' || outcome === 'refuse' || outcome === 'invalid') return true;
  if ([proxies, called].some((of) => of?.otherwise.some(({ state }) => state === 'refused'))) return true;
  if (authorization?.answers.some((each) => each.outcome === 'refused') === true) return true;
  return clusters.some(
    ({ percent, discovery, endpoints }) =>
      percent > 0 &&
      (discovery === undefined ||
        (discovery === 'registry' && proxies !== undefined && !endpoints.some(({ healthy }) => healthy))),
  );
}
