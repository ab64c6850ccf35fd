import type { EndpointPlace, LocalityDecision } from '../model/ir-load-balancing.ts';
import type { LocalityLbSetting, ZoneAwareLbSetting } from '../model/load-balancer.ts';
import { labelsWithLocality, localityCovers } from '../model/locality.ts';
import type { Labels } from '../model/policy.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import type { Locality } from '../model/registry-objects.ts';
import type { Health } from '../model/workload.ts';
import type { EffectiveBlocks } from './destination-rule.ts';
import { decidedBy } from './effective.ts';
import { balanceZones, textOf } from './zone-balance.ts';

/** What of a client its place says: the labels are those of its scope. */
export interface Placed {
  readonly namespace?: string;
  readonly service?: string;
  readonly locality?: Locality;
  readonly labels: Labels;
}

/** D12: on for the whole mesh, where it has something to act on. */
export const localityByDefault: Decided<LocalityLbSetting> = byDefault(
  { distribute: [], failover: [], failoverPriority: [] },
  'D12',
);

/** One of the two settings that make places count. */
export type ActingSetting = Decided<LocalityLbSetting> | Decided<ZoneAwareLbSetting & { readonly zoneAware: true }>;

/**
 * The setting that acts on one destination, if it does: by shares, or, beside outlier detection, by order of failover (D12), or by zones,
 * which goes before what the mesh says.
 */
export function actingLocality(
  { loadBalancer, outlierDetection }: EffectiveBlocks,
  mesh: Decided<LocalityLbSetting>,
): ActingSetting | undefined {
  const zones = loadBalancer?.value.zoneAwareLbSetting;
  if (loadBalancer && zones)
    return zones.enabled === false
      ? undefined
      : decidedBy(loadBalancer, { ...zones, zoneAware: true as const }, 'zoneAwareLbSetting');
  const own = loadBalancer?.value.localityLbSetting;
  const setting = loadBalancer && own ? decidedBy(loadBalancer, own, 'localityLbSetting') : mesh;
  const { enabled = true, distribute } = setting.value;
  return enabled && (distribute.length > 0 || outlierDetection !== undefined) ? setting : undefined;
}

/** The labels of clients that a setting looks at, by which localities are not told. */
export function labelsOfSetting({ value }: ActingSetting): readonly string[] {
  if ('distribute' in value && value.distribute.length > 0) return [];
  return value.failoverPriority.flatMap((entry) => (overridden(entry) === undefined ? [nameOf(entry)] : []));
}

/**
 * What a setting means for a client. Undefined: nothing. A client that does not say where it is has no endpoint near it, so places do not
 * count for it (docs/decisions/33); its labels do.
 */
export function localityDecision(setting: ActingSetting, client: Placed): Decided<LocalityDecision> | undefined {
  const { by, also, value } = setting;
  const decision = 'zoneAware' in value ? byZones(value, client) : bySetting(value, client);
  return decision && { value: decision, by, ...(also && { also }) };
}

function bySetting(
  { distribute, failover, failoverPriority }: LocalityLbSetting,
  client: Placed,
): LocalityDecision | undefined {
  if (distribute.length > 0) {
    const entry = distribute.find(({ from }) => localityCovers(from, client.locality));
    const shares = entry && Object.entries(entry.to).map(([pattern, share]) => ({ pattern, share }));
    return { ...(shares && { shares }), weighted: true };
  }
  const labels = wantedLabels(failoverPriority, client);
  const byPlace = client.locality !== undefined && (failoverPriority.length === 0 || failover.length > 0);
  const next = byPlace ? failover.find(({ from }) => from === client.locality?.region)?.to : undefined;
  const weighted = failover.length > 0 || failoverPriority.length > 0;
  if (labels.length === 0 && !byPlace) return weighted ? { weighted } : undefined;
  const order = {
    labels,
    ...(byPlace && client.locality && { near: client.locality }),
    ...(next !== undefined && { nextRegion: next }),
  };
  return { order, weighted };
}

/** Regions rank, within the own one zones are balanced: whoever says nowhere where it is has neither. */
function byZones(
  { failover, failoverPriority, minClusterSize = 6 }: ZoneAwareLbSetting,
  client: Placed,
): LocalityDecision | undefined {
  const { locality: near, namespace, service } = client;
  const labels = wantedLabels(failoverPriority, client);
  if (near === undefined) return labels.length === 0 ? undefined : { order: { labels }, weighted: false };
  const next = failover.find(({ from }) => from === near.region)?.to;
  const order = { labels, near, regions: true as const, ...(next !== undefined && { nextRegion: next }) };
  if (namespace === undefined || service === undefined) return { order, weighted: false };
  return { order, balance: { namespace, service, own: near, least: minClusterSize }, weighted: true };
}

function wantedLabels(failoverPriority: readonly string[], client: Placed) {
  const known = labelsWithLocality(client.labels, client.locality);
  return failoverPriority.map((entry) => {
    const name = nameOf(entry);
    return { name, value: overridden(entry) ?? known[name] ?? '' };
  });
}

/** `label=value` means this value whatever the client's is. */
function overridden(entry: string): string | undefined {
  const [, value, ...more] = entry.split('=');
  return more.length === 0 ? value : undefined;
}

function nameOf(entry: string): string {
  return entry.split('=')[0] ?? '';
}

/** An endpoint as far as its place is decided by it. */
interface Candidate extends Placed {
  readonly weight: number;
  readonly health?: Health;
}

/** The endpoints that are called at all, each with its place among them. `clients`: how many of a balance's clients run in each locality. */
export function placeEndpoints<T extends Candidate>(
  decision: LocalityDecision | undefined,
  endpoints: readonly T[],
  clients: ReadonlyMap<string, number> = new Map(),
): readonly { readonly endpoint: T; readonly place: EndpointPlace }[] {
  const ranked = endpoints.map((endpoint) => ({ endpoint, rank: rankOf(decision, endpoint) }));
  const ranks = [...new Set(ranked.map(({ rank }) => rank))].sort((a, b) => a - b);
  const placed = ranked.map(({ endpoint, rank }) => ({ endpoint, priority: ranks.indexOf(rank) }));
  const keyOf = ({ endpoint, priority }: (typeof placed)[number]) => `${priority} ${JSON.stringify(endpoint.locality)}`;
  const weights = new Map<string, number>();
  for (const one of placed) weights.set(keyOf(one), (weights.get(keyOf(one)) ?? 0) + Math.max(1, one.endpoint.weight));
  const localities = new Map(placed.map((one) => [keyOf(one), one.endpoint.locality]));
  const shares = decision?.shares && sharesOf(decision.shares, localities, weights);
  const balance = decision?.balance && balanceZones(decision.balance, placed, clients);
  return placed.flatMap((one) => {
    const { endpoint, priority } = one;
    const balanced = priority === 0 ? balance?.get(textOf(endpoint.locality)) : undefined;
    const weight = balanced ?? (shares ?? weights).get(keyOf(one));
    if (weight === undefined) return [];
    const place = {
      ...(endpoint.locality && { locality: endpoint.locality }),
      ...(priority > 0 && { priority }),
      ...(decision?.weighted === true && { localityWeight: weight }),
    };
    return [{ endpoint, place }];
  });
}

/** How many times Istio's rank by place fits into one by labels. */
const ranksByPlace = 5;
const networkLabel = 'topology.istio.io/network';

function rankOf(decision: LocalityDecision | undefined, endpoint: Placed): number {
  const order = decision?.order;
  if (order === undefined) return 0;
  return rankByLabels(order.labels, endpoint) * ranksByPlace + rankByPlace(order, endpoint.locality);
}

/** 0 where all labels agree; else the more, the earlier the first that does not. A network that leads the list ranks above all of it. */
function rankByLabels(labels: readonly { readonly name: string; readonly value: string }[], endpoint: Placed): number {
  const known = labelsWithLocality(endpoint.labels, endpoint.locality);
  const [first, ...others] = labels;
  const agrees = ({ name, value }: { readonly name: string; readonly value: string }) => (known[name] ?? '') === value;
  const count = labels.length;
  if (first?.name === networkLabel && !agrees(first)) {
    const differs = others.findIndex((label) => !agrees(label));
    return count + (differs < 0 ? 0 : count - 1 - differs);
  }
  const differs = labels.findIndex((label) => !agrees(label));
  return differs < 0 ? 0 : count - differs;
}

/** 0 the very place (or its region, where no more counts), 1 the zone, 2 the region, 3 elsewhere; 4 elsewhere but not where the failover leads. */
function rankByPlace(
  { near, regions, nextRegion }: NonNullable<LocalityDecision['order']>,
  locality: Locality | undefined,
): number {
  if (near === undefined) return 0;
  const { region = '', zone = '', subzone = '' } = locality ?? {};
  if (regions && near.region === region) return 0;
  if (near.region !== region) return nextRegion === undefined || nextRegion === region ? 3 : 4;
  if (near.zone !== zone) return 2;
  return near.subzone === subzone ? 0 : 1;
}

/** The share of a pattern goes to the localities that it covers and none before did, by their own weights, rounded up. */
function sharesOf(
  shares: NonNullable<LocalityDecision['shares']>,
  localities: ReadonlyMap<string, Locality | undefined>,
  weights: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  for (const { pattern, share } of shares) {
    const covered = [...localities].filter(([key, locality]) => !given.has(key) && localityCovers(pattern, locality));
    const total = covered.reduce((sum, [key]) => sum + (weights.get(key) ?? 0), 0);
    for (const [key] of covered) given.set(key, Math.ceil(((weights.get(key) ?? 0) * share) / total));
  }
  return given;
}
