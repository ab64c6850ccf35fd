import type { DestinationRef } from '../model/ir-destination.ts';
import type { HashKey } from '../model/load-balancer.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import type { Decided } from '../model/provenance.ts';
import {
  chooseDestinationRule,
  type EffectiveBlocks,
  effectiveBlocks,
  type MergedRule,
  noRule,
} from './destination-rule.ts';
import { hashDecision } from './load-balancing.ts';
import type { PolicyIndex } from './policy-index.ts';
import { routeTarget, type TargetContext } from './route-target.ts';

/** What the names in rules mean for one scope, and which DestinationRules hold for them. */
export interface RuleContext extends TargetContext {
  readonly policies: PolicyIndex;
}

/** The DestinationRules of all services that rules send to: with the object they decide on which terms. */
export function targetRules(context: RuleContext, object: VirtualServiceObject): readonly MergedRule[] {
  const { http, tls, tcp } = object.spec;
  const named = [...http, ...tls, ...tcp].flatMap(({ route }): readonly { readonly destination: Named }[] => route);
  return named.map(({ destination }) => ruleOf(context, routeTarget(context, object, destination, 0)));
}

type Named = Parameters<typeof routeTarget>[2];

/** The blocks that act on a destination, which is perhaps another service's (P24). */
export function blocksOf(context: RuleContext, destination: DestinationRef): EffectiveBlocks {
  const rule = ruleOf(context, destination);
  const subset = rule.subsets.find(({ value }) => value.name === destination.subset);
  return effectiveBlocks(rule, subset, destination.port, context.settings.trafficPolicy);
}

/** By what a destination tells its requests apart (P27). */
export function hashOf(context: RuleContext, destination: DestinationRef): Decided<HashKey> | undefined {
  const service = context.services.byKey.get(destination.service);
  const port = service?.ports.find(({ number }) => number === destination.port);
  if (service === undefined || port === undefined) return undefined;
  return hashDecision(service, port, blocksOf(context, destination).loadBalancer);
}

function ruleOf({ policies, settings, services, scope }: RuleContext, { service }: DestinationRef): MergedRule {
  const known = services.byKey.get(service);
  return known ? chooseDestinationRule(policies, settings, known, scope) : noRule;
}
