import type { Scope } from '../model/ir.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import type { HttpMatch, HttpRule } from '../model/virtual-service.ts';
import { isVisible, plainHost } from '../policy/hosts.ts';
import type { PolicyIndex } from './policy-index.ts';
import { coveringHosts } from './policy-index.ts';
import { staticMismatch } from './static-match.ts';

/**
 * P9: the VirtualService that routes a service for a client namespace. The most specific host first, then private before exported by
 * name before public; what is not visible takes no part (P6). A tie, refused before serving, goes to the first by namespace and name.
 */
export function chooseVirtualService(
  index: PolicyIndex,
  service: Service,
  clientNamespace: string,
): VirtualServiceObject | undefined {
  for (const candidates of coveringHosts(index.virtualServices, plainHost(service.host))) {
    let best: VirtualServiceObject | undefined;
    for (const candidate of candidates) {
      if (!isVisible(candidate.spec.exportTo, candidate.namespace, clientNamespace)) continue;
      if (best === undefined || closeness(candidate, clientNamespace) > closeness(best, clientNamespace)) {
        best = candidate;
      }
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

/** 2 private to the client's namespace, 1 exported to it by name, 0 public. */
function closeness({ namespace, spec }: VirtualServiceObject, clientNamespace: string): number {
  if (spec.exportTo.length === 0 || spec.exportTo.includes('*')) return 0;
  return namespace === clientNamespace ? 2 : 1;
}

/** A rule, or one way to match it, that P10's static predicates leave. */
export interface SurvivingMatch {
  readonly rule: HttpRule;
  readonly ruleIndex: number;
  /** Absent: the rule has no conditions. */
  readonly match?: HttpMatch;
  readonly matchIndex?: number;
}

/** P10: what is left of a VirtualService for one scope and one called port, in the order written (P11). */
export function survivingMatches(
  virtualService: VirtualServiceObject,
  scope: Scope,
  port: number,
): readonly SurvivingMatch[] {
  return virtualService.spec.http.flatMap((rule, ruleIndex): readonly SurvivingMatch[] => {
    if (rule.match.length === 0) return [{ rule, ruleIndex }];
    return rule.match.flatMap((match, matchIndex) =>
      staticMismatch(match, scope, port) === undefined ? [{ rule, ruleIndex, match, matchIndex }] : [],
    );
  });
}
