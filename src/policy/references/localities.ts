import type { LocalityLbSetting } from '../../model/load-balancer.ts';
import { localityCovers, localityText } from '../../model/locality.ts';
import { nearestName } from '../../model/nearest-name.ts';
import type { DestinationRuleObject, MeshConfigObject, ServiceEntryObject } from '../../model/policy.ts';
import type { Locality } from '../../model/registry-objects.ts';
import { remember } from '../../model/remember.ts';
import { fieldPath } from '../field-path.ts';
import { ofKind, type ReferenceScope, reportAt } from './reference-scope.ts';

type Setting = Pick<LocalityLbSetting, 'failover'> & Partial<Pick<LocalityLbSetting, 'distribute'>>;

/** WEFT0101, an info: localities of a DestinationRule in which nobody is (D12). */
export function checkRuleLocalities(scope: ReferenceScope, rule: DestinationRuleObject): void {
  const { trafficPolicy, subsets } = rule.spec;
  const policies = [
    ['spec.trafficPolicy', trafficPolicy] as const,
    ...subsets.map((subset, index) => [`spec.subsets[${index}].trafficPolicy`, subset.trafficPolicy] as const),
  ];
  for (const [path, policy] of policies) {
    const levels = [
      [path, policy] as const,
      ...(policy?.portLevelSettings ?? []).map(
        (entry, index) => [`${path}.portLevelSettings[${index}]`, entry] as const,
      ),
    ];
    for (const [at, level] of levels) {
      for (const name of ['localityLbSetting', 'zoneAwareLbSetting'] as const) {
        const setting = level?.loadBalancer?.[name];
        if (setting) checkSetting(scope, rule, `${at}.loadBalancer.${name}`, setting);
      }
    }
  }
}

/** The same of MeshConfig. */
export function checkMeshLocalities(scope: ReferenceScope, config: MeshConfigObject): void {
  const { localityLbSetting } = config.spec;
  if (localityLbSetting) checkSetting(scope, config, 'localityLbSetting', localityLbSetting);
}

/** Clients and endpoints are looked for in the whole mesh: with which of them a rule has to do may change with the next commit. */
function checkSetting(
  scope: ReferenceScope,
  object: DestinationRuleObject | MeshConfigObject,
  path: string,
  { distribute = [], failover }: Setting,
): void {
  if (!scope.workloads) return;
  const written = [
    ...distribute.flatMap(({ from, to }, index) => [
      [`${path}.distribute[${index}].from`, from] as const,
      ...Object.keys(to).map((key) => [fieldPath(`${path}.distribute[${index}].to`, key), key] as const),
    ]),
    ...failover.flatMap((entry, index) =>
      (['from', 'to'] as const).flatMap((side) => {
        const region = entry[side];
        return region === undefined ? [] : [[`${path}.failover[${index}].${side}`, region] as const];
      }),
    ),
  ];
  const known = written.length === 0 ? [] : localities(scope);
  for (const [field, pattern] of written) {
    // Who does not say where it is is covered by that alone.
    if (pattern === '*' || known.some((locality) => localityCovers(pattern, locality))) continue;
    const message = `nobody is in locality ${JSON.stringify(pattern)}`;
    reportAt(scope, 'WEFT0101', object, field, message, hintFor(pattern, known), { severity: 'info' });
  }
}

/** Of workloads, and of endpoints that a ServiceEntry lists. */
function localities(scope: ReferenceScope): readonly Locality[] {
  return [...localitiesOf(scope.workloads ?? []), ...localitiesListed(ofKind(scope, 'ServiceEntry'))];
}

const localitiesOf = remember((list: readonly { readonly locality?: Locality }[]): readonly Locality[] => {
  const all = list.flatMap(({ locality }) => locality ?? []);
  return [...new Map(all.map((locality) => [localityText(locality), locality])).values()];
});

const localitiesListed = remember((entries: readonly ServiceEntryObject[]) =>
  localitiesOf(entries.flatMap(({ spec }) => spec.endpoints)),
);

function hintFor(pattern: string, known: readonly Locality[]): string {
  if (known.length === 0) return 'nobody says where it is: weft run --locality, or locality of a WorkloadEntry';
  const texts = known.map(localityText).sort();
  // As far as the pattern goes, with its star.
  const depth = pattern.split('/').length;
  const patterns = texts.map((text) => {
    const parts = text.split('/').slice(0, depth);
    return pattern.endsWith('/*') ? [...parts.slice(0, depth - 1), '*'].join('/') : parts.join('/');
  });
  // Regions have short names, of which every other is near.
  const near = nearestName(pattern, new Set(patterns), Math.max(1, Math.floor(pattern.length / 4)));
  return near ? `did you mean ${JSON.stringify(near)}?` : `localities: ${texts.slice(0, 8).join(', ')}`;
}
