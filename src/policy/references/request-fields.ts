import type { Subset, TrafficPolicy } from '../../model/destination-rule.ts';
import type { DestinationRuleObject } from '../../model/policy.ts';
import { isHttp, isNamedByCalls, type Service } from '../../model/service.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';

const keyFields = { header: 'httpHeaderName', cookie: 'httpCookie', query: 'httpQueryParameterName' } as const;

/** One level of a rule: whole, or of one port. */
type Level = Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'retryBudget'>;

/**
 * WEFT0132: fields that act on requests, of a host (or a port of it) on which connections are all there is (P26, P27, D11); fields that
 * choose an endpoint where each call says itself who is meant.
 */
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
      const ports = services.flatMap((service) =>
        service.ports
          .filter(({ number }) => port === undefined || number === port)
          .map((each) => ({ protocol: each.protocol, isNamed: isFoundByCalls(service, each, level) })),
      );
      if (ports.length === 0) continue;
      const nothingToChoose = ports.every(({ isNamed }) => isNamed);
      if (nothingToChoose) {
        for (const field of choosingFields(level)) {
          const message = `has no effect: a call to ${rule.spec.host} goes to the host that it names itself`;
          const hint =
            'remove it, or write a ServiceEntry with resolution: DNS or STATIC for the hosts to choose among';
          reportAt(scope, 'WEFT0132', rule, `${at}.loadBalancer.${field}`, message, hint);
        }
      }
      if (ports.some(({ protocol }) => isHttp(protocol))) continue;
      for (const [field, hint] of requestFields(nothingToChoose ? { ...level, loadBalancer: {} } : level)) {
        const message = `has no effect on connections: ${rule.spec.host} has no port on which requests are read`;
        reportAt(scope, 'WEFT0132', rule, `${at}.${field}`, message, `${hint}, or declare the port as HTTP`);
      }
    }
  }
}

function isFoundByCalls(service: Service, port: Service['ports'][number], { loadBalancer }: Level): boolean {
  const isAsked = service.resolution === 'request' || loadBalancer?.simple === 'PASSTHROUGH';
  return isAsked && isNamedByCalls(service, port);
}

/** What says how to choose one of several; PASSTHROUGH says that nothing is to be chosen. */
function choosingFields({ loadBalancer = {} }: Level): readonly string[] {
  const { simple, consistentHash, localityLbSetting: places, zoneAwareLbSetting: zones, warmup } = loadBalancer;
  const written = {
    simple: simple !== undefined && simple !== 'PASSTHROUGH',
    consistentHash: consistentHash !== undefined,
    localityLbSetting: places !== undefined && places.enabled !== false,
    zoneAwareLbSetting: zones !== undefined && zones.enabled !== false,
    warmup: warmup !== undefined,
  };
  return Object.entries(written).flatMap(([field, isWritten]) => (isWritten ? [field] : []));
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
