import type { TrafficPolicy } from '../../model/destination-rule.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';
import { isHttp, type Service } from '../../model/service.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

const fields = { header: 'httpHeaderName', cookie: 'httpCookie', query: 'httpQueryParameterName' } as const;

/** WEFT0132: of a connection nothing is known but where it comes from, so what is told of requests leads it nowhere (P27). */
export function checkHashKeys(scope: ReferenceScope, rule: DestinationRuleObject, services: readonly Service[]): void {
  const { trafficPolicy, subsets } = rule.spec;
  const policies: readonly (readonly [string, TrafficPolicy | undefined])[] = [
    ['spec.trafficPolicy', trafficPolicy],
    ...subsets.map((subset, index) => [`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy] as const),
  ];
  for (const [path, policy] of policies) {
    const entries = policy?.portLevelSettings ?? [];
    for (const [at, level, port] of [
      [path, policy, undefined] as const,
      ...entries.map((entry, index) => [`${path}.portLevelSettings[${index}]`, entry, entry.port] as const),
    ]) {
      const key = level?.loadBalancer?.consistentHash?.key;
      if (key === undefined || key.on === 'source-address') continue;
      const ports = services.flatMap(({ ports: all }) =>
        all.filter(({ number }) => port === undefined || number === port),
      );
      if (ports.length === 0 || ports.some(({ protocol }) => isHttp(protocol))) continue;
      const field = `${at}.loadBalancer.consistentHash.${fields[key.on]}`;
      const message = `has no effect on connections: ${rule.spec.host} has no port on which requests are read`;
      reportAt(scope, 'WEFT0132', rule, field, message, 'write useSourceIp: true, or declare the port as HTTP');
    }
  }
}
