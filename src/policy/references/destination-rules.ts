import type { DestinationRuleObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import type { Service } from '../../model/service.ts';
import { isSocket } from '../../model/socket-path.ts';
import type { Workload } from '../../model/workload.ts';
import { resolveHost } from '../hosts.ts';
import { checkEjection } from './ejection.ts';
import { checkPortSettings } from './port-settings.ts';
import {
  areAway,
  labelHint,
  ofKind,
  placeOf,
  type ReferenceScope,
  relatedTo,
  reportAt,
  reportAway,
  reportNoService,
} from './reference-scope.ts';
import { checkRequestFields } from './request-fields.ts';
import { isReached } from './rule-clients.ts';
import { exportHint } from './rule-ports.ts';
import { servicesCovered } from './scope-index.ts';
import { portUsed, workloadsOf } from './service-workloads.ts';

/** WEFT0174, WEFT0175, and WEFT0132 of what is for requests where there are none, of ports that no service has, of who holds out nobody. */
export function checkDestinationRule(scope: ReferenceScope, rule: DestinationRuleObject): void {
  if (!scope.services) return;
  const host = resolveHost(rule.spec.host, rule.namespace, scope.settings.dnsSuffix);
  const covered = servicesCovered(scope, host, true);
  const services = covered.filter((service) => isReached(scope, rule, service));
  const [hidden] = covered;
  if (hidden === undefined) reportNoService(scope, 'WEFT0174', rule, 'spec.host', rule.spec.host, 'warning');
  else if (services.length === 0) {
    const message = `service ${JSON.stringify(rule.spec.host)} is not exported to any client of this rule`;
    reportAt(scope, 'WEFT0174', rule, 'spec.host', message, exportHint(hidden));
  } else {
    if (areAway(scope, services)) reportAway(scope, 'WEFT0174', rule, 'spec.host', rule.spec.host, services);
    checkSubsets(scope, rule, services);
    checkRequestFields(scope, rule, services);
    checkPortSettings(scope, rule, host, services);
    checkEjection(scope, rule, services);
  }
}

function checkSubsets(scope: ReferenceScope, rule: DestinationRuleObject, services: readonly Service[]): void {
  const workloads = services.map((service) => workloadsOf(scope, service));
  // Where one service's endpoints are not workloads (DNS, inline), nothing can be said.
  if (!workloads.every((list) => list !== undefined)) return;
  const all = workloads.flat();
  if (all.length === 0) return;
  rule.spec.subsets.forEach((subset, index) => {
    const chosen = all.filter((workload) => selects(subset.labels, workload.labels));
    const [field, name] = [`spec.subsets[${index}].labels`, JSON.stringify(subset.name)];
    if (chosen.length === 0) {
      reportAt(scope, 'WEFT0175', rule, field, `subset ${name} selects no workload`, labelHint(subset.labels, all));
      return;
    }
    // Of a port that nobody serves at all WEFT0205 tells.
    if (servesAny(scope, services, chosen) || !servesAny(scope, services, all)) return;
    const message = `subset ${name} selects no workload that serves a port of the service: ${portsOf(chosen)}`;
    const hint = 'start it with the --port that targetPort of the Service names';
    reportAt(scope, 'WEFT0175', rule, field, message, hint);
  });
}

/** `ledger-2.bank has port 9082`, of the first of them. */
function portsOf([first, ...others]: readonly Workload[]): string {
  const ports = first?.ports.map(({ port }) => port).join(', ') || 'none';
  return `${first?.id}${others.length === 0 ? '' : ` and ${others.length} more`} has port ${ports}`;
}

/** Whether one of them is behind a port. Who has not joined, or has a socket, may serve any. */
function servesAny(scope: ReferenceScope, services: readonly Service[], workloads: readonly Workload[]): boolean {
  return workloads.some(
    (workload) =>
      workload.source !== 'proxy' ||
      isSocket(workload.address) ||
      services.some((service) =>
        service.ports.some((port) => {
          const used = portUsed(scope, service, workload, port);
          return workload.ports.some((own) => own.port === used);
        }),
      ),
  );
}

/** WEFT0181 (P22): rules of one namespace and host merge only where order cannot matter. */
export function checkOverlaps(scope: ReferenceScope): void {
  const byHost = new Map<string, DestinationRuleObject[]>();
  for (const rule of ofKind(scope, 'DestinationRule')) {
    const key = `${rule.namespace}/${resolveHost(rule.spec.host, rule.namespace, scope.settings.dnsSuffix)}`;
    const others = byHost.get(key) ?? [];
    for (const other of others) {
      const overlap = overlapOf(scope, other, rule);
      if (!overlap) continue;
      const { what, field, twin, fix } = overlap;
      const message = `DestinationRules for ${rule.spec.host} overlap in ${what}`;
      const related = relatedTo(other, twin, 'the other');
      reportAt(scope, 'WEFT0181', rule, field, message, `other: ${placeOf(other, twin)}; ${fix}`, { related });
    }
    byHost.set(key, [...others, rule]);
  }
}

interface Overlap {
  readonly what: string;
  /** Where it is in the later rule, and where in the earlier. */
  readonly field: string;
  readonly twin: string;
  readonly fix: string;
}

function overlapOf(scope: ReferenceScope, a: DestinationRuleObject, b: DestinationRuleObject): Overlap | undefined {
  if (selectorText(a) !== selectorText(b)) return bothSelect(scope, a, b);
  const exported = (rule: DestinationRuleObject) =>
    [...new Set(rule.spec.exportTo.length === 0 ? ['*'] : rule.spec.exportTo)].sort().join();
  if (exported(a) !== exported(b))
    return overlapIn('exportTo, which differs', 'spec.exportTo', 'give both the same exportTo');
  if (a.spec.trafficPolicy && b.spec.trafficPolicy)
    return overlapIn('trafficPolicy', 'spec.trafficPolicy', 'write all of it in one of them');
  for (const [index, { name }] of b.spec.subsets.entries()) {
    const twin = a.spec.subsets.findIndex((subset) => subset.name === name);
    if (twin === -1) continue;
    const [field, there] = [`spec.subsets[${index}].name`, `spec.subsets[${twin}].name`];
    return overlapIn(`subset ${JSON.stringify(name)}`, field, 'define it in one of them, or under another name', there);
  }
  return undefined;
}

function overlapIn(what: string, field: string, fix: string, twin = field): Overlap {
  return { what, field, twin, fix };
}

function selectorText({ spec }: DestinationRuleObject): string {
  return JSON.stringify(spec.workloadSelector && Object.entries(spec.workloadSelector).sort());
}

/** P21: a rule with a selector goes before one without; of two selectors that meet on a client, nobody could say which. */
function bothSelect(scope: ReferenceScope, a: DestinationRuleObject, b: DestinationRuleObject): Overlap | undefined {
  const [one, other] = [a.spec.workloadSelector, b.spec.workloadSelector];
  if (one === undefined || other === undefined) return undefined;
  const client = (scope.workloads ?? []).find(
    ({ namespace, labels }) => namespace === a.namespace && selects(one, labels) && selects(other, labels),
  );
  if (client === undefined) return undefined;
  const what = `workloadSelector: both select ${client.id}`;
  return overlapIn(what, 'spec.workloadSelector', 'narrow one by a further label');
}
