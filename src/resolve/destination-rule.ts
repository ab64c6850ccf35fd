import { compareText } from '../model/compare-text.ts';
import type { RetryBudget, Subset, TrafficPolicy, TrafficPolicyBlocks } from '../model/destination-rule.ts';
import type { Scope } from '../model/ir.ts';
import { sameItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { DestinationRuleObject, MeshConfigObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Provenance } from '../model/provenance.ts';
import { selects } from '../model/selector.ts';
import type { Service } from '../model/service.ts';
import { isVisible, plainHost } from '../policy/hosts.ts';
import type { PolicyIndex } from './policy-index.ts';
import { coveringHosts } from './policy-index.ts';

/** The DestinationRules that act on one service for one client, as one (P22). */
export interface MergedRule {
  readonly trafficPolicy?: Written<TrafficPolicy>;
  /** Sorted by name. */
  readonly subsets: readonly Written<Subset>[];
}

/** A part of an object and where it stands. */
export interface Written<T> {
  readonly value: T;
  readonly object: DestinationRuleObject | MeshConfigObject;
  /** `spec.subsets[1]` */
  readonly path: string;
}

/** What acts where no DestinationRule does. */
export const noRule: MergedRule = { subsets: [] };

/**
 * P20: the client's namespace, the service's, the root namespace; in each the most specific host; the first namespace that has one
 * ends the search. Outside of the client's own namespace only rules exported to it take part. P21: a rule with a selector takes part for
 * clients of its own namespace that have its labels, and goes before those without.
 */
export function chooseDestinationRule(
  index: PolicyIndex,
  settings: MeshSettings,
  service: Service,
  client: Scope,
): MergedRule {
  const host = plainHost(service.host);
  for (const namespace of new Set([client.namespace, service.namespace, settings.rootNamespace])) {
    for (const rules of coveringHosts(index.destinationRules.get(namespace), host)) {
      const acting = rules.filter((rule) => actsFor(rule, client));
      if (acting.length > 0) return merge(mostPrivate(selecting(acting)));
    }
  }
  return noRule;
}

function actsFor({ namespace, spec }: DestinationRuleObject, client: Scope): boolean {
  if (spec.workloadSelector !== undefined)
    return namespace === client.namespace && selects(spec.workloadSelector, client.labels);
  return namespace === client.namespace || isVisible(spec.exportTo, namespace, client.namespace);
}

/** The rules of one host, each with those that it merges with: all that `chooseDestinationRule` may find there, for any client. */
export function mergedRules(
  rules: readonly DestinationRuleObject[],
): readonly { readonly first: DestinationRuleObject; readonly rule: MergedRule }[] {
  const groups = new Map<string, DestinationRuleObject[]>();
  for (const rule of rules) {
    const key = JSON.stringify([selectorKey(rule), exportKey(rule)]);
    groups.set(key, [...(groups.get(key) ?? []), rule]);
  }
  return [...groups.values()].flatMap((group) => group.slice(0, 1).map((first) => ({ first, rule: merge(group) })));
}

function selectorKey({ spec }: DestinationRuleObject): string | undefined {
  return (
    spec.workloadSelector && JSON.stringify(Object.entries(spec.workloadSelector).sort(([a], [b]) => compareText(a, b)))
  );
}

function exportKey({ spec }: DestinationRuleObject): string {
  return [...new Set(spec.exportTo)].sort(compareText).join(' ');
}

/** P21: those with a selector, if there are any. Of several selectors, which the check tells, the one of the first rule holds (P22). */
function selecting(rules: readonly DestinationRuleObject[]): readonly DestinationRuleObject[] {
  const key = rules.map(selectorKey).find((each) => each !== undefined);
  return rules.filter((rule) => selectorKey(rule) === key);
}

/** Rules merge only with equal exportTo (P22); where the check could not refuse others, the least exported ones hold. */
function mostPrivate(rules: readonly DestinationRuleObject[]): readonly DestinationRuleObject[] {
  const reach = (key: string) => (key === '' || key.split(' ').includes('*') ? 1 : 0);
  const keys = rules.map(exportKey).sort((a, b) => reach(a) - reach(b) || a.length - b.length || compareText(a, b));
  return rules.filter((rule) => exportKey(rule) === keys[0]);
}

const merged = new WeakMap<
  DestinationRuleObject,
  { readonly rules: readonly DestinationRuleObject[]; readonly rule: MergedRule }
>();

/** P22. A clash that appears only at run time is won by the first rule in the order of names. Remembered on the rules. */
function merge(rules: readonly DestinationRuleObject[]): MergedRule {
  const [first] = rules;
  if (first === undefined) return noRule;
  const known = merged.get(first);
  if (known && sameItems(known.rules, rules)) return known.rule;
  const holder = rules.find((rule) => rule.spec.trafficPolicy !== undefined);
  const subsets = new Map<string, Written<Subset>>();
  for (const object of rules) {
    for (const [position, value] of object.spec.subsets.entries()) {
      if (!subsets.has(value.name)) subsets.set(value.name, { value, object, path: `spec.subsets[${position}]` });
    }
  }
  const rule: MergedRule = {
    ...(holder?.spec.trafficPolicy === undefined
      ? {}
      : { trafficPolicy: { value: holder.spec.trafficPolicy, object: holder, path: 'spec.trafficPolicy' } }),
    subsets: [...subsets.values()].sort((a, b) => compareText(a.value.name, b.value.name)),
  };
  merged.set(first, { rules, rule });
  return rule;
}

/** What one level may say: the blocks of P24, and the retry budget, which ports have none of. */
type LevelBlocks = TrafficPolicyBlocks & { readonly retryBudget?: RetryBudget };

/** The blocks that act on one destination, each with its place and the places it prevailed over. */
export type EffectiveBlocks = {
  readonly [Block in keyof LevelBlocks]?: Effective<NonNullable<LevelBlocks[Block]>>;
};

export interface Effective<T> {
  readonly value: T;
  readonly object: DestinationRuleObject | MeshConfigObject;
  readonly path: string;
  readonly lost: readonly Provenance[];
}

/**
 * P24: (1) the rule's own blocks; (2) its entry for the port replaces them all; (3) a subset's blocks each replace one of that
 * result; (4) a subset's entry for the port replaces them all. The retry budget is no block: the rule's entry for the port drops the
 * rule's, a subset's replaces what stands, and the subset's entry for the port leaves it. `mesh` holds where a block is left out.
 */
export function effectiveBlocks(
  rule: MergedRule,
  subset: Written<Subset> | undefined,
  port: number,
  mesh: Written<TrafficPolicyBlocks> | undefined,
): EffectiveBlocks {
  const ofMesh: readonly Level[] = mesh === undefined ? [] : [{ ...mesh, replaces: false }];
  const ofRule = levelsOf(rule.trafficPolicy, port);
  const subsetPolicy: Written<TrafficPolicy> | undefined = subset?.value.trafficPolicy && {
    value: subset.value.trafficPolicy,
    object: subset.object,
    path: `${subset.path}.trafficPolicy`,
  };
  const ofSubset = levelsOf(subsetPolicy, port);
  const levels = [...ofMesh, ...ofRule, ...ofSubset];
  // An entry for a port leaves nothing of the wider levels, not even the blocks that it does not have.
  const start = levels.findLastIndex((level) => level.replaces);
  const acting = start === -1 ? levels : [...ofMesh, ...levels.slice(start)];
  const loadBalancer = pick(levels, acting, 'loadBalancer');
  const connectionPool = pick(levels, acting, 'connectionPool');
  const outlierDetection = pick(levels, acting, 'outlierDetection');
  const tls = pick(levels, acting, 'tls');
  const budgets = ofRule.some((level) => level.replaces) ? ofSubset : levels;
  const retryBudget = pick(levels, budgets, 'retryBudget');
  return {
    ...(loadBalancer && { loadBalancer }),
    ...(connectionPool && { connectionPool }),
    ...(outlierDetection && { outlierDetection }),
    ...(tls && { tls }),
    ...(retryBudget && { retryBudget }),
  };
}

interface Level extends Written<LevelBlocks> {
  readonly replaces: boolean;
}

function levelsOf(policy: Written<TrafficPolicy> | undefined, port: number): readonly Level[] {
  if (policy === undefined) return [];
  const position = policy.value.portLevelSettings.findIndex((entry) => entry.port === port);
  const entry = policy.value.portLevelSettings[position];
  const own: Level = { ...policy, replaces: false };
  if (entry === undefined) return [own];
  const path = `${policy.path}.portLevelSettings[${position}]`;
  return [own, { value: entry, object: policy.object, path, replaces: true }];
}

/** The narrowest level that has the block; every other one lost. */
function pick<Block extends keyof LevelBlocks>(
  levels: readonly Level[],
  acting: readonly Level[],
  block: Block,
): Effective<NonNullable<LevelBlocks[Block]>> | undefined {
  const holder = acting.findLast((level) => level.value[block] !== undefined);
  const value = holder?.value[block];
  if (holder === undefined || value === undefined) return undefined;
  const lost = levels
    .filter((level) => level !== holder && level.value[block] !== undefined)
    .map((level) => provenance(level.object, `${level.path}.${block}`));
  return { value, object: holder.object, path: `${holder.path}.${block}`, lost };
}
