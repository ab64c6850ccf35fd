import type { OutlierDetection, Subset } from '../../model/destination-rule.ts';
import { leastEjectionPercent, mayEject } from '../../model/ejection-limit.ts';
import type { DestinationRuleObject, Labels } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Service } from '../../model/service.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';
import { objectNamed } from './scope-index.ts';
import { workloadsOf } from './service-workloads.ts';

/**
 * WEFT0132: outlier detection that may hold out nobody, since its share of so few endpoints is less than one (D7). Of one endpoint nothing
 * is said: without it nobody would answer.
 */
export function checkEjection(scope: ReferenceScope, rule: DestinationRuleObject, services: readonly Service[]): void {
  const { trafficPolicy, subsets } = rule.spec;
  checkLevels(scope, rule, services, 'spec.trafficPolicy', trafficPolicy, {});
  subsets.forEach(({ labels, trafficPolicy: own }, index) => {
    checkLevels(scope, rule, services, `spec.subsets[${index}].trafficPolicy`, own, labels);
  });
}

function checkLevels(
  scope: ReferenceScope,
  rule: DestinationRuleObject,
  services: readonly Service[],
  path: string,
  policy: Subset['trafficPolicy'],
  labels: Labels,
): void {
  if (policy === undefined) return;
  const levels = [
    { at: path, block: policy.outlierDetection },
    ...policy.portLevelSettings.map(({ outlierDetection: block }, index) => ({
      at: `${path}.portLevelSettings[${index}]`,
      block,
    })),
  ];
  for (const { at, block } of levels) {
    if (block === undefined || isOff(block)) continue;
    const { maxEjectionPercent: written } = block;
    const percent = written ?? 10;
    const field = `${at}.outlierDetection${written === undefined ? '' : '.maxEjectionPercent'}`;
    const known = services.map((service) => endpointsOf(scope, service, labels));
    const counts = known.flatMap((count) => count ?? []);
    if (counts.length < known.length) {
      if (written === undefined && scope.workloads === undefined) reportUnknown(scope, rule, field);
      continue;
    }
    const most = Math.max(...counts);
    if (most < 2 || mayEject(most, percent)) continue;
    const otherwise = written === undefined ? ` (${percent} counts where maxEjectionPercent is not written)` : '';
    const message = `has no effect: at most ${percent} % of ${most} endpoints may be held out, which is none${otherwise}`;
    const hint = `write maxEjectionPercent: ${leastEjectionPercent(most)}, or more`;
    reportAt(scope, 'WEFT0132', rule, field, message, hint);
  }
}

/** Of files alone, which do not know who joins. */
function reportUnknown(scope: ReferenceScope, rule: DestinationRuleObject, field: string): void {
  const message =
    'holds out at most 10 % of the endpoints, as maxEjectionPercent is not written: of fewer than 10, none';
  const hint = 'write maxEjectionPercent: 50, or what may be missing; weft validate --live knows the endpoints';
  reportAt(scope, 'WEFT0132', rule, field, message, hint, { severity: 'info' });
}

/** Where nothing is counted nobody is meant to be held out: some write the block for its localities alone. */
function isOff({ consecutive5xxErrors = 5, consecutiveGatewayErrors = 0, ...block }: OutlierDetection): boolean {
  return consecutive5xxErrors === 0 && consecutiveGatewayErrors === 0 && !block.splitExternalLocalOriginErrors;
}

/** Undefined: not known, or found by DNS. */
function endpointsOf(scope: ReferenceScope, service: Service, labels: Labels): number | undefined {
  const workloads = workloadsOf(scope, service);
  if (workloads !== undefined) return workloads.filter((workload) => selects(labels, workload.labels)).length;
  if (service.origin !== 'entry') return undefined;
  const entry = objectNamed(scope, 'ServiceEntry', service.namespace, service.by?.object.name);
  if (entry?.spec.resolution !== 'STATIC' || entry.spec.workloadSelector !== undefined) return undefined;
  return entry.spec.endpoints.filter((endpoint) => selects(labels, endpoint.labels)).length;
}
