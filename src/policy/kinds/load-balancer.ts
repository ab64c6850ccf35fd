import type { LoadBalancer } from '../../model/destination-rule.ts';
import type { Infer } from '../shape.ts';
import {
  anyText,
  anything,
  bool,
  choice,
  deprecated,
  duration,
  integer,
  list,
  map,
  number,
  object,
  refused,
  row,
  text,
} from '../shape-builders.ts';

/** 64 bits in Istio; larger numbers than these cannot be told apart here, and no ring is that large. */
const size = integer(0, Number.MAX_SAFE_INTEGER);

const cookie = object(
  {
    name: text(),
    path: anyText,
    ttl: duration(0),
    attributes: list(object({ name: text(), value: anyText }, { required: ['name'] }), { unique: 'name' }),
  },
  { required: ['name'] },
);

const consistentHash = object(
  {
    httpHeaderName: anyText,
    httpCookie: cookie,
    useSourceIp: bool,
    httpQueryParameterName: anyText,
    ringHash: object({ minimumRingSize: size }),
    maglev: object({ tableSize: integer(1, 5_000_010) }, { required: ['tableSize'] }),
    minimumRingSize: deprecated(size, 'ringHash.minimumRingSize'),
  },
  {
    exclusive: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev', 'minimumRingSize'],
    ],
  },
);

const region = text('region');
const failover = list(object({ from: region, to: region }));
const failoverPriority = list(text());

const localityLbSetting = object(
  {
    enabled: bool,
    distribute: list(object({ from: text('locality-pattern'), to: map('locality-pattern', integer(1, 100)) })),
    failover,
    failoverPriority,
  },
  { exclusive: [['distribute', 'failover']] },
);
const zoneAwareLbSetting = object({
  enabled: bool,
  failover,
  failoverPriority,
  minClusterSize: integer(1, 2 ** 32 - 1),
});

const warmup = object(
  {
    duration: duration(1),
    minimumPercent: number(0, 100),
    aggression: number(0, Number.POSITIVE_INFINITY, { above: true }),
  },
  { required: ['duration'] },
);

export const loadBalancer = object(
  {
    simple: row(
      choice(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM', 'UNSPECIFIED'], {
        refused: { PASSTHROUGH: 'T1' },
        deprecated: { LEAST_CONN: 'LEAST_REQUEST' },
      }),
      'T0',
      'load balancing policy',
      'D5',
    ),
    consistentHash: row(refused('T1', consistentHash), 'T1', 'hash policy of the routes; ring hash or maglev', 'D9'),
    localityLbSetting: row(refused('T1', localityLbSetting), 'T1', 'locality weights, endpoint priorities', 'D12'),
    zoneAwareLbSetting: row(refused('T1', zoneAwareLbSetting), 'T1', 'zone_aware_lb_config'),
    warmup: row(refused('T1', warmup), 'T1', 'slow_start_config', 'D10'),
    warmupDurationSecs: row(refused('T1', duration(1)), 'T1', 'window of slow_start_config (deprecated)'),
    backendUtilization: row(refused('T2', anything), 'T2', 'weights by reported load'),
  },
  {
    exclusive: [
      ['simple', 'consistentHash'],
      ['localityLbSetting', 'zoneAwareLbSetting'],
    ],
  },
);

/** D5: what is not specified is the default, as in Istio. */
export function lowerLoadBalancer({ simple = 'UNSPECIFIED' }: Infer<typeof loadBalancer>): LoadBalancer {
  return { simple: simple === 'UNSPECIFIED' ? 'LEAST_REQUEST' : simple };
}
