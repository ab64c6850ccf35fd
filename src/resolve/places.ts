import type { DestinationRuleObject } from '../model/policy.ts';
import type { Steps } from '../model/steps.ts';
import { isVisible } from '../policy/hosts.ts';
import { type MergedRule, mergedRules, noRule } from './destination-rule.ts';
import { remembered } from './keep.ts';
import { labelsOfSetting } from './locality.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { localitySettings } from './placed-destinations.ts';
import type { PolicyIndex } from './policy-index.ts';

/** What of a client's place decides how it is treated. */
interface Asked {
  readonly locality: boolean;
  /** Which service it is of, too: some zones are balanced by where its like run. */
  readonly service: boolean;
  readonly labels: readonly string[];
}

/** DestinationRules that make places count, and whose clients they are for. */
interface Asking extends Asked {
  readonly owner: string;
  readonly exportTo: readonly string[];
}

const byNamespace = new WeakMap<PolicyIndex, WeakMap<MeshDefaults, (namespace: string) => Asked>>();
const byRules = new WeakMap<readonly DestinationRuleObject[], WeakMap<MeshDefaults, readonly Asking[]>>();

/**
 * What policies ask about where clients of a namespace are (D12): its locality only where some rule that may act for them, or MeshConfig,
 * makes places count, so that views are not split for nothing. Remembered; a changed rule is looked at anew, no other.
 */
export function askedOfPlace(index: PolicyIndex, defaults: MeshDefaults, namespace: string): Asked {
  const byDefaults = remembered(byNamespace, index, () => new WeakMap<MeshDefaults, (namespace: string) => Asked>());
  return remembered(byDefaults, defaults, () => asker(index, defaults))(namespace);
}

/** So many hosts are looked at in one step. */
const hostsAStep = 128;

/** Looks at all rules ahead of the first question, in steps; once it was asked, at none. */
export function* askingSteps(index: PolicyIndex, defaults: MeshDefaults): Steps<void> {
  if (byNamespace.get(index)?.has(defaults)) return;
  let looked = 0;
  for (const lists of index.destinationRules.values())
    for (const rules of lists.values()) {
      rulesAsking(rules, defaults);
      if (++looked % hostsAStep === 0) yield;
    }
}

function asker(index: PolicyIndex, defaults: MeshDefaults): (namespace: string) => Asked {
  const ofMesh = askingOf(noRule, [], defaults);
  const hosts = [...index.destinationRules.values()].flatMap((lists) => [...lists.values()]);
  const asking = hosts.flatMap((rules) => rulesAsking(rules, defaults));
  const forLabels = asking.filter(({ labels }) => labels.length > 0);
  const forService = asking.filter(({ service }) => service);
  const known = new Map<string, Asked>();
  return (namespace) => {
    const before = known.get(namespace);
    if (before !== undefined) return before;
    const actsFor = ({ owner, exportTo }: Asking) => owner === namespace || isVisible(exportTo, owner, namespace);
    const labels = [...ofMesh, ...forLabels.filter(actsFor)].flatMap((each) => [...each.labels]);
    const asked = {
      locality: ofMesh.length > 0 || asking.some(actsFor),
      service: forService.some(actsFor),
      labels,
    };
    known.set(namespace, asked);
    return asked;
  };
}

/** Of the rules of one host: those that merge are asked together (P22). */
function rulesAsking(rules: readonly DestinationRuleObject[], defaults: MeshDefaults): readonly Asking[] {
  if (!rules.some(mayAsk)) return [];
  const byDefaults = remembered(byRules, rules, () => new WeakMap<MeshDefaults, readonly Asking[]>());
  return remembered(byDefaults, defaults, () =>
    mergedRules(rules).flatMap(({ first, rule }) => {
      const { namespace: owner, spec } = first;
      // P21: a rule with a selector is for clients of its own namespace.
      const exportTo = spec.workloadSelector === undefined ? spec.exportTo : ['.'];
      return askingOf(rule, portsOf(rule), defaults).map((asked) => ({ ...asked, owner, exportTo }));
    }),
  );
}

/** Whether any level of a rule says something that makes places count, or could beside another's: most rules do not. */
function mayAsk({ spec }: DestinationRuleObject): boolean {
  const policies = [spec.trafficPolicy, ...spec.subsets.map(({ trafficPolicy }) => trafficPolicy)];
  const levels = policies.flatMap((policy) => (policy ? [policy, ...policy.portLevelSettings] : []));
  return levels.some(
    ({ outlierDetection, loadBalancer }) =>
      outlierDetection !== undefined ||
      loadBalancer?.localityLbSetting !== undefined ||
      loadBalancer?.zoneAwareLbSetting !== undefined,
  );
}

/** On any port: those that entries are for, and all others. */
function askingOf(rule: MergedRule, ports: readonly number[], defaults: MeshDefaults): readonly Asked[] {
  const settings = [0, ...ports].flatMap((port) => localitySettings(rule, port, defaults) ?? []);
  return settings.flatMap((setting) =>
    setting ? [{ locality: true, service: 'zoneAware' in setting.value, labels: labelsOfSetting(setting) }] : [],
  );
}

function portsOf({ trafficPolicy, subsets }: MergedRule): readonly number[] {
  const policies = [trafficPolicy?.value, ...subsets.map(({ value }) => value.trafficPolicy)];
  return policies.flatMap((policy) => policy?.portLevelSettings.map(({ port }) => port) ?? []);
}
