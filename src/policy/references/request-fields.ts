import type { Subset, TrafficPolicy } from '../../model/destination-rule.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';
import { isHttp, type Service } from '../../model/service.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

const keyFields = { header: 'httpHeaderName', cookie: 'httpCookie', query: 'httpQueryParameterName' } as const;

/** One level of a rule: whole, or of one port. */
type Level = Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'retryBudget'>;

/** WEFT0132: fields that act on requests, of a host (or a port of it) on which connections are all there is (P26, P27, D11). */
export function checkRequestFields(
  scope: ReferenceScope,
  rule: DestinationRuleObject,
  services: readonly Service[],
): void {
  const { trafficPolicy, subsets } = rule.spec;
  const policies: readonly (readonly [string, Subset['trafficPolicy']])[] = [
    ['spec.trafficPolicy', trafficPolicy],
    ...subsets.map((subset, index) => [`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy] as const),
  ];
  for (const [path, policy] of policies) {
    if (policy === undefined) continue;
    const entries = policy.portLevelSettings.map(
      (entry, index) => [`${path}.portLevelSettings[${index}]`, entry, entry.port] as const,
    );
    for (const [at, level, port] of [[path, policy, undefined] as const, ...entries]) {
      const ports = services.flatMap(({ ports: all }) =>
        all.filter(({ number }) => port === undefined || number === port),
      );
      if (ports.length === 0 || ports.some(({ protocol }) => isHttp(protocol))) continue;
      for (const [field, hint] of requestFields(level)) {
        const message = `has no effect on connections: ${rule.spec.host} has no port on which requests are read`;
        reportAt(scope, 'WEFT0132', rule, `${at}.${field}`, message, `${hint}, or declare the port as HTTP`);
      }
    }
  }
}

/** Each with what to do instead. */
function requestFields(level: Level): readonly (readonly [field: string, hint: string])[] {
  const { loadBalancer, connectionPool, outlierDetection, retryBudget } = level;
  const key = loadBalancer?.consistentHash?.key;
  // Pending requests are connections that are still being made, too.
  const { http1MaxPendingRequests: _pending, ...http } = connectionPool?.http ?? {};
  return [
    ...(key === undefined || key.on === 'source-address'
      ? []
      : [[`loadBalancer.consistentHash.${keyFields[key.on]}`, 'write useSourceIp: true'] as const]),
    ...(Object.keys(http).length > 0 ? [['connectionPool.http', 'bound them by connectionPool.tcp'] as const] : []),
    ...(outlierDetection?.errorCodes
      ? [['outlierDetection.outlierDetectionHttpErrorCodes', 'remove it: connections that fail count'] as const]
      : []),
    ...(retryBudget ? [['retryBudget', 'remove it'] as const] : []),
  ];
}
