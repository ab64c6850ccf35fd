import type { LoadBalancer, Warmup } from '../../model/load-balancer.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anything, choice, deprecated, duration, number, object, refused, row } from '../shape-builders.ts';
import { beside, present } from './common.ts';
import { consistentHash, lowerConsistentHash } from './consistent-hash.ts';
import {
  localityLbSetting,
  lowerLocalityLbSetting,
  lowerZoneAwareLbSetting,
  zoneAwareLbSetting,
} from './locality-lb.ts';

const warmup = object(
  {
    duration: row(duration(1), 'T1', 'slow_start_window'),
    minimumPercent: row(number(0, 100), 'T1', 'min_weight_percent', 'D10'),
    aggression: row(number(0, Number.POSITIVE_INFINITY, { above: true }), 'T1', 'aggression', 'D10'),
  },
  { required: ['duration'] },
);

export const loadBalancer = object(
  {
    simple: row(
      choice(['LEAST_REQUEST', 'ROUND_ROBIN', 'RANDOM', 'PASSTHROUGH', 'UNSPECIFIED'], {
        deprecated: { LEAST_CONN: 'LEAST_REQUEST' },
      }),
      'T0',
      'load balancing policy',
      'D5',
    ),
    consistentHash: row(consistentHash, 'T1', 'hash policy of the routes; ring hash or maglev', 'D9'),
    localityLbSetting: row(localityLbSetting, 'T1', 'locality weights, endpoint priorities', 'D12'),
    zoneAwareLbSetting: row(zoneAwareLbSetting, 'T1', 'weights of the zones of a region, priorities of regions'),
    warmup: row(warmup, 'T1', 'slow_start_config', 'D10'),
    warmupDurationSecs: deprecated(duration(1), 'warmup.duration'),
    backendUtilization: row(refused('T2', anything), 'T2', 'weights by reported load'),
  },
  {
    exclusive: [
      ['simple', 'consistentHash'],
      ['localityLbSetting', 'zoneAwareLbSetting'],
    ],
  },
);

type Written = Infer<typeof loadBalancer>;

/** D5: what is not specified is the default, as in Istio. */
export function lowerLoadBalancer(written: Written, path: string, context: LowerContext): LoadBalancer {
  const {
    simple = 'UNSPECIFIED',
    consistentHash: hash,
    localityLbSetting: locality,
    zoneAwareLbSetting: zones,
  } = written;
  return present<LoadBalancer>({
    simple: simple === 'UNSPECIFIED' ? undefined : simple,
    consistentHash: hash && lowerConsistentHash(hash, `${path}.consistentHash`, context),
    localityLbSetting: locality && lowerLocalityLbSetting(locality, `${path}.localityLbSetting`, context),
    zoneAwareLbSetting: zones && lowerZoneAwareLbSetting(zones, `${path}.zoneAwareLbSetting`, context),
    warmup: lowerWarmup(written, path, context),
  });
}

/** D10. The older field says the duration alone, and nothing beside its successor; only two ways of choosing know warm-up. */
function lowerWarmup(written: Written, path: string, context: LowerContext): Warmup | undefined {
  const { warmup: successor, warmupDurationSecs: old, simple, consistentHash: hash } = written;
  const field = successor === undefined ? 'warmupDurationSecs' : 'warmup';
  if (successor !== undefined && old !== undefined)
    context.report(
      'WEFT0132',
      `${path}.warmupDurationSecs`,
      'has no effect beside warmup',
      'remove it',
      beside(context, path, 'warmup'),
    );
  if (successor === undefined && old === undefined) return undefined;
  const other = hash !== undefined ? 'consistentHash' : simple === 'RANDOM' || simple === 'PASSTHROUGH' ? simple : '';
  if (other !== '') {
    const message = `has no effect with ${other}: only LEAST_REQUEST and ROUND_ROBIN warm up`;
    context.report('WEFT0132', `${path}.${field}`, message, 'remove it, or choose another load balancer');
    return undefined;
  }
  if (successor === undefined) {
    context.place(`${path}.warmup`, `${path}.warmupDurationSecs`);
    context.place(`${path}.warmup.duration`, `${path}.warmupDurationSecs`);
    return { duration: old ?? 0 };
  }
  const { duration: window, minimumPercent, aggression } = successor;
  return present<Warmup>({ duration: window, minimumPercent, aggression });
}
