import type { Locality } from './registry-objects.ts';

/** `region/zone/subzone` as a locality: missing parts are empty, and further ones belong to the third. */
export function parseLocality(written: string): Locality {
  const [region = '', zone = '', ...more] = written.split('/');
  return { region, zone, subzone: more.join('/') };
}

/** The form in which a workload says where it runs. */
export const localityForm = 'region/zone/subzone of letters, digits, "-", "_" and ".", the last two perhaps left out';

export function isLocality(written: string): boolean {
  const parts = written.split('/');
  return parts.length <= 3 && parts.every((part) => /^[A-Za-z0-9._-]{1,63}$/.test(part));
}

/** `eu/north/rack-1`; parts at the end that are empty are left out. Equal localities have equal texts, and no others. */
export function localityText({ region, zone, subzone }: Locality): string {
  if (subzone !== '') return `${region}/${zone}/${subzone}`;
  return zone === '' ? region : `${region}/${zone}`;
}

/** Whether a pattern of localities (`*`, `eu/*`, `eu/north`) covers one: a part that is missing, like `*`, covers all. */
export function localityCovers(pattern: string, locality: Locality | undefined): boolean {
  const { region, zone, subzone } = parseLocality(pattern);
  const part = (written: string, of: string | undefined) => written === '*' || written === '' || written === (of ?? '');
  return (
    (region === '*' || region === (locality?.region ?? '')) &&
    part(zone, locality?.zone) &&
    part(subzone, locality?.subzone)
  );
}

/** The labels by which policies may name a locality's parts. */
const topologyLabels = {
  region: 'topology.kubernetes.io/region',
  zone: 'topology.kubernetes.io/zone',
  subzone: 'topology.istio.io/subzone',
} as const satisfies Record<keyof Locality, string>;

/** True for a label that tells a part of a locality. */
export function isTopologyLabel(name: string): boolean {
  return Object.values<string>(topologyLabels).includes(name);
}

/** The labels of a workload, with those that its locality tells. */
export function labelsWithLocality(
  labels: Readonly<Record<string, string>>,
  locality: Locality | undefined,
): Readonly<Record<string, string>> {
  if (locality === undefined) return labels;
  const parts = (['region', 'zone', 'subzone'] as const).filter((part) => locality[part] !== '');
  return { ...labels, ...Object.fromEntries(parts.map((part) => [topologyLabels[part], locality[part]])) };
}
