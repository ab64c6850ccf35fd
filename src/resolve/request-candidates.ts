import type { Route } from '../model/ir-route.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { HttpMatch } from '../model/virtual-service.ts';
import { type CallCandidate, differing, writtenKey } from './call-candidate.ts';
import type { Mismatch } from './mismatch.ts';
import { requestMismatch, type SeenRequest } from './request-match.ts';
import { routeName } from './route.ts';
import type { AskedPort } from './route-decision.ts';
import { staticMismatch } from './static-match.ts';

/** Every rule of an HTTP port in its order, why it does not take a request, and the route that does (P10, P11). */
export function requestCandidates(
  { scope, called, virtualService }: AskedPort,
  seen: SeenRequest,
): { readonly candidates: readonly CallCandidate[]; readonly route: Route | undefined } {
  const { routes, port } = called.port;
  const route = routes.find(({ match }) => requestMismatch(match, seen) === undefined);
  const takenBy = route?.name ?? '';
  const candidates: CallCandidate[] = [];
  let taken = false;
  const ask = (object: VirtualServiceObject, path: string, name: string, match: HttpMatch | undefined) => {
    const fixed = match && staticMismatch(match, scope, port);
    const own = fixed === undefined ? routes.filter(({ by }) => !('default' in by) && by.field === path) : [];
    const mismatch = fixed ?? mismatchOf(own, seen, match);
    // Nothing is made of a rule that stands behind one for every request.
    if (mismatch !== undefined && !(taken && fixed === undefined))
      candidates.push(differing(object, path, name, mismatch));
    else if (taken || route === undefined || !own.includes(route))
      candidates.push({ name, by: provenance(object, path), verdict: 'behind', other: takenBy });
    else {
      taken = true;
      candidates.push({ name, by: route.by, verdict: 'chosen' });
    }
  };
  for (const [ruleIndex, rule] of (virtualService?.spec.http ?? []).entries()) {
    if (virtualService === undefined) break;
    const path = `spec.http[${ruleIndex}]`;
    if (rule.match.length === 0) ask(virtualService, path, routeName(virtualService, ruleIndex), undefined);
    for (const [index, match] of rule.match.entries()) {
      ask(virtualService, `${path}.match[${index}]`, routeName(virtualService, ruleIndex, match.name), match);
    }
  }
  // P10: without a rule for this caller and port, the service itself.
  if (route !== undefined && 'default' in route.by)
    candidates.push({ name: route.name, by: route.by, verdict: 'chosen' });
  return { candidates, route };
}

/** The routes of one match are ways to meet it: the last says what was written (P12, withoutHeaders). */
function mismatchOf(routes: readonly Route[], seen: SeenRequest, match: HttpMatch | undefined): Mismatch | undefined {
  let last: Mismatch | undefined;
  for (const route of routes) {
    last = requestMismatch(route.match, seen);
    if (last === undefined) return undefined;
  }
  const [place, key] = last?.field ?? [];
  if (last === undefined || match === undefined || key === undefined) return last;
  if (place !== 'headers' && place !== 'withoutHeaders') return last;
  return { ...last, field: [place, writtenKey(match[place], key)] };
}
