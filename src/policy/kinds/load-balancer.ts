import type { LoadBalancer } from '../../model/destination-rule.ts';
import { anything, choice, type Infer, list, names, object, refused } from '../shape.ts';

const consistentHash = object({
  httpHeaderName: anything,
  httpCookie: object({ name: anything, path: anything, ttl: anything, attributes: list(names('name', 'value')) }),
  useSourceIp: anything,
  httpQueryParameterName: anything,
  ringHash: names('minimumRingSize'),
  maglev: names('tableSize'),
  minimumRingSize: anything,
});

export const loadBalancer = object({
  simple: choice(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM'], {
    refused: { PASSTHROUGH: 'T1', UNSPECIFIED: 'never' },
    deprecated: { LEAST_CONN: 'LEAST_REQUEST' },
  }),
  consistentHash: refused('T1', consistentHash),
  localityLbSetting: refused(
    'T1',
    object({
      enabled: anything,
      distribute: list(names('from', 'to')),
      failover: list(names('from', 'to')),
      failoverPriority: anything,
    }),
  ),
  zoneAwareLbSetting: refused('T1', names('enabled', 'failover', 'failoverPriority', 'minClusterSize')),
  warmup: refused('T1', names('duration', 'minimumPercent', 'aggression')),
  warmupDurationSecs: refused('T1'),
  backendUtilization: refused('T2'),
});

export function lowerLoadBalancer(written: Infer<typeof loadBalancer>): LoadBalancer {
  return { simple: written.simple ?? 'LEAST_REQUEST' };
}
