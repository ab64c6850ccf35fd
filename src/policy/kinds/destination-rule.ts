import type { DestinationRuleSpec, Subset, TrafficPolicy } from '../../model/destination-rule.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { labels, list, object, row, text } from '../shape-builders.ts';
import { beside, checkExportTo, exportTo, matchLabels, present, refuseRepeats } from './common.ts';
import { checkFailover } from './locality-lb.ts';
import { lowerRetryBudget } from './retry-budget.ts';
import { lowerBlocks, trafficPolicy } from './traffic-policy.ts';

const shape = object(
  {
    host: row(text('host-name'), 'T0', 'which clusters'),
    exportTo,
    trafficPolicy,
    subsets: row(
      list(object({ name: text('any-case-label'), labels, trafficPolicy }, { required: ['name'] })),
      'T0',
      'a cluster of its own, endpoints by labels',
    ),
    workloadSelector: row(matchLabels, 'T1', 'only clients with these labels'),
  },
  { required: ['host'] },
);

/** DestinationRule: host, subsets, and the traffic policy at its levels (P24). */
export const destinationRule = supportedKind<typeof shape, DestinationRuleObject>({
  kind: 'DestinationRule',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    const { subsets = [] } = spec;
    if (spec.host === '*') {
      context.report(
        'WEFT0002',
        'spec.host',
        'expected a host or "*.name", got "*"',
        'write the host of a service, such as reviews, or "*.shop.svc.cluster.local"',
      );
    }
    refuseRepeats(
      context,
      subsets.map(({ name }, index) => [`spec.subsets[${index}].name`, name]),
      'subset',
    );
    if (spec.workloadSelector) checkPrivate(context, spec.exportTo ?? []);
    checkFailovers(spec, context);
    return present<DestinationRuleSpec>({
      host: spec.host,
      exportTo: checkExportTo(context, spec.exportTo, false),
      workloadSelector: spec.workloadSelector && (spec.workloadSelector.matchLabels ?? {}),
      trafficPolicy: spec.trafficPolicy && lowerTrafficPolicy(spec.trafficPolicy, 'spec.trafficPolicy', context),
      subsets: subsets.map((subset, index) =>
        present<Subset>({
          name: subset.name,
          labels: subset.labels ?? {},
          trafficPolicy:
            subset.trafficPolicy &&
            lowerTrafficPolicy(subset.trafficPolicy, `spec.subsets[${index}].trafficPolicy`, context),
        }),
      ),
    });
  },
});

/** P21: a rule with a selector is for clients of its own namespace, so it is exported to nobody else. */
function checkPrivate(context: LowerContext, exported: readonly string[]): void {
  const index = exported.findIndex((entry) => entry !== '.' && entry !== context.namespace);
  if (index === -1) return;
  const message = `expected "." beside workloadSelector, got ${JSON.stringify(exported[index])}`;
  context.report(
    'WEFT0002',
    `spec.exportTo[${index}]`,
    message,
    'a selector means clients of this namespace: write "."',
  );
}

/** Whichever level has outlier detection, it may act beside the failover of another (P24). */
function checkFailovers({ trafficPolicy: policy, subsets = [] }: Infer<typeof shape>, context: LowerContext): void {
  const policies = [
    ['spec.trafficPolicy', policy] as const,
    ...subsets.map((subset, index) => [`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy] as const),
  ];
  const levels = policies.flatMap(([path, level]) => [
    [path, level] as const,
    ...(level?.portLevelSettings ?? []).map((entry, index) => [`${path}.portLevelSettings[${index}]`, entry] as const),
  ]);
  if (levels.some(([, level]) => level?.outlierDetection !== undefined)) return;
  for (const [path, level] of levels)
    checkFailover(level?.loadBalancer?.localityLbSetting, `${path}.loadBalancer.localityLbSetting`, context);
}

function lowerTrafficPolicy(written: Infer<typeof trafficPolicy>, path: string, context: LowerContext): TrafficPolicy {
  if (written.retryBudget && written.connectionPool?.http?.maxRetries) {
    const message = 'has no effect beside retryBudget, which bounds the retries alone';
    context.report(
      'WEFT0132',
      `${path}.connectionPool.http.maxRetries`,
      message,
      'keep one',
      beside(context, path, 'retryBudget'),
    );
  }
  const ports = written.portLevelSettings ?? [];
  if (written.portLevelSettings?.length === 0 && Object.keys(written).length === 1) {
    context.report(
      'WEFT0002',
      path,
      'expected at least one field with something in it, got none',
      'write what it is to change, such as connectionPool: {tcp: {maxConnections: 100}}, or remove it',
    );
  }
  ports.forEach(({ port }, index) => {
    const first = ports.findIndex((other) => other.port.number === port.number);
    if (first === index) return;
    const message = `has no effect: portLevelSettings[${first}] is for port ${port.number}, too, and the first one counts`;
    const related = beside(context, path, `portLevelSettings[${first}]`);
    context.report('WEFT0132', `${path}.portLevelSettings[${index}]`, message, 'remove it', related);
  });
  return {
    ...lowerBlocks(written, path, context),
    ...(written.retryBudget && { retryBudget: lowerRetryBudget(written.retryBudget) }),
    portLevelSettings: ports.map((settings, index) => {
      const field = `${path}.portLevelSettings[${index}]`;
      return { port: settings.port.number, ...lowerBlocks(settings, field, context) };
    }),
  };
}
