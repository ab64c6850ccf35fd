import type { LocalityLbSetting, ZoneAwareLbSetting } from '../../model/load-balancer.ts';
import { isTopologyLabel } from '../../model/locality.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { bool, integer, list, map, object, row, text } from '../shape-builders.ts';
import { beside, present } from './common.ts';

const region = text('region');
const regions = list(object({ from: region, to: region }));
const priorities = list(text());

export const localityLbSetting = object(
  {
    enabled: row(bool, 'T1', 'whether localities count', 'D12'),
    distribute: row(
      list(object({ from: text('locality-pattern'), to: map('locality-pattern', integer(1, 100)) })),
      'T1',
      'locality weights',
    ),
    failover: row(regions, 'T1', 'endpoint priorities by region'),
    failoverPriority: row(priorities, 'T1', 'endpoint priorities by labels'),
  },
  { exclusive: [['distribute', 'failover']] },
);

export const zoneAwareLbSetting = object({
  enabled: row(bool, 'T1', 'whether zones are balanced; on'),
  failover: row(regions, 'T1', 'endpoint priorities by region'),
  failoverPriority: row(priorities, 'T1', 'endpoint priorities by labels'),
  minClusterSize: row(integer(1, 2 ** 32 - 1), 'T1', 'endpoints from which on zones are balanced; 6'),
});

/** D12, as strictly as Istio: shares of 100 that do not overlap, failover between two regions, localities named in one way only. */
export function lowerLocalityLbSetting(
  written: Infer<typeof localityLbSetting>,
  path: string,
  context: LowerContext,
): LocalityLbSetting {
  const { enabled, distribute = [], failover = [], failoverPriority = [] } = written;
  const sources = distribute.map(({ from = '' }, index) => [`${path}.distribute[${index}].from`, from] as const);
  checkOverlaps(context, sources, hides);
  for (const [index, { from, to = {} }] of distribute.entries()) {
    const at = `${path}.distribute[${index}]`;
    if (from === undefined)
      context.report('WEFT0002', at, 'expected "from", which is required', 'add from, such as eu/north or "*"');
    const sum = Object.values(to).reduce((total, share) => total + share, 0);
    if (sum !== 100) {
      const message = `expected shares that add up to 100, got ${sum}`;
      context.report('WEFT0002', `${at}.to`, message, 'write shares that add up to 100, such as 80 and 20');
    }
    checkOverlaps(
      context,
      Object.keys(to).map((key) => [`${at}.to[${JSON.stringify(key)}]`, key] as const),
      overlap,
    );
  }
  checkRegions(context, path, failover);
  const told = failoverPriority.findIndex((label) => isTopologyLabel(label));
  if (failover.length > 0 && told >= 0) {
    const message = `failover and ${JSON.stringify(failoverPriority[told])} in failoverPriority exclude each other`;
    const place = `${path}.failoverPriority[${told}]`;
    context.report('WEFT0137', place, message, 'keep one', beside(context, path, 'failover'));
  }
  return present<LocalityLbSetting>({ enabled, distribute, failover, failoverPriority } as LocalityLbSetting);
}

/** As strictly as Istio: regions rank by themselves, so that no label may tell them. */
export function lowerZoneAwareLbSetting(
  written: Infer<typeof zoneAwareLbSetting>,
  path: string,
  context: LowerContext,
): ZoneAwareLbSetting {
  const { enabled, failover = [], failoverPriority = [], minClusterSize } = written;
  checkRegions(context, path, failover);
  for (const [index, label] of failoverPriority.entries()) {
    if (!isTopologyLabel(label)) continue;
    const message = `expected a label that tells no place, got ${JSON.stringify(label)}: zones are balanced as it is`;
    context.report('WEFT0002', `${path}.failoverPriority[${index}]`, message, 'remove it');
  }
  return present<ZoneAwareLbSetting>({ enabled, failover, failoverPriority, minClusterSize } as ZoneAwareLbSetting);
}

function checkRegions(context: LowerContext, path: string, failover: NonNullable<Infer<typeof regions>>): void {
  for (const [index, { from, to }] of failover.entries()) {
    if (from !== to) continue;
    const message = `expected two regions, got ${JSON.stringify(to ?? '')} twice`;
    context.report('WEFT0002', `${path}.failover[${index}]`, message, 'name another region in to');
  }
}

/** Without outlier detection nobody can tell that an endpoint is dead, so that there is nothing to fail over from: Istio warns, too. */
export function checkFailover(
  setting: Infer<typeof localityLbSetting> | undefined,
  path: string,
  context: LowerContext,
): void {
  const field = setting?.failover?.length ? 'failover' : setting?.failoverPriority?.length ? 'failoverPriority' : '';
  if (field === '' || setting?.enabled === false) return;
  const message = 'has no effect without outlierDetection, which this rule has not';
  context.report('WEFT0132', `${path}.${field}`, message, 'add outlierDetection, unless MeshConfig has it');
}

/** `clash` says of a pattern before and one after it whether they may not stand together. */
function checkOverlaps(
  context: LowerContext,
  patterns: readonly (readonly [field: string, pattern: string])[],
  clash: (before: string, after: string) => boolean,
): void {
  for (const [index, [field, pattern]] of patterns.entries()) {
    const other = patterns.slice(0, index).find(([, before]) => clash(before, pattern));
    if (other === undefined) continue;
    const message = `expected localities that are named once, got ${JSON.stringify(pattern)} beside ${JSON.stringify(other[1])}`;
    const related = [{ file: context.file, line: context.lineOf(other[0]), message: 'the other' }];
    context.report('WEFT0002', field, message, 'keep one', { related });
  }
}

/** Whose requests the first entry takes, the second never gets; a wider one after it says so by its `*`. */
function hides(before: string, after: string): boolean {
  return covers(before, after) || (!after.endsWith('*') && covers(after, before));
}

/** In a map nothing comes first: two patterns overlap unless they differ in a part that both state. */
function overlap(left: string, right: string): boolean {
  return partsOf(left).every((part, index) => part === '*' || [part, '*'].includes(partsOf(right)[index] ?? '*'));
}

function covers(wide: string, narrow: string): boolean {
  return partsOf(wide).every((part, index) => part === '*' || part === partsOf(narrow)[index]);
}

function partsOf(pattern: string): readonly string[] {
  const [region = '*', zone = '*', ...more] = pattern.split('/');
  return [region, zone, more.join('/') || '*'];
}
