import type { LoadBalancer } from '../../model/destination-rule.ts';
import { anything, choice, type Infer, list, names, object, refused, row } from '../shape.ts';

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
  simple: row(
    choice(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM'], {
      refused: { PASSTHROUGH: 'T1', UNSPECIFIED: 'never' },
      deprecated: { LEAST_CONN: 'LEAST_REQUEST' },
    }),
    'T0',
    'load balancing policy',
    'D5',
  ),
  consistentHash: row(refused('T1', consistentHash), 'T1', 'hash policy of the routes; ring hash or maglev', 'D9'),
  localityLbSetting: row(
    refused(
      'T1',
      object({
        enabled: anything,
        distribute: list(names('from', 'to')),
        failover: list(names('from', 'to')),
        failoverPriority: anything,
      }),
    ),
    'T1',
    'locality weights, endpoint priorities',
    'D12',
  ),
  zoneAwareLbSetting: row(
    refused('T1', names('enabled', 'failover', 'failoverPriority', 'minClusterSize')),
    'T1',
    'zone_aware_lb_config',
  ),
  warmup: row(refused('T1', names('duration', 'minimumPercent', 'aggression')), 'T1', 'slow_start_config', 'D10'),
  warmupDurationSecs: row(refused('T1'), 'T1', 'window of slow_start_config (deprecated)'),
  backendUtilization: row(refused('T2'), 'T2', 'weights by reported load'),
});

export function lowerLoadBalancer(written: Infer<typeof loadBalancer>): LoadBalancer {
  return { simple: written.simple ?? 'LEAST_REQUEST' };
}
