import type { Destination, EndpointAddress } from '../model/ir-destination.ts';
import type { LocalityDecision } from '../model/ir-load-balancing.ts';
import type { Decided } from '../model/provenance.ts';
import type { EffectiveBlocks, MergedRule } from './destination-rule.ts';
import { effectiveBlocks } from './destination-rule.ts';
import { remembered } from './keep.ts';
import { actingLocality, localityDecision, type Placed } from './locality.ts';
import type { MeshDefaults } from './mesh-defaults.ts';

/** Of each destination of a port, in their order: what decides whether places count. Undefined: they do not. */
type Settings = readonly ReturnType<typeof actingLocality>[];

/** The settings of the whole service and of its subsets; undefined where none of them acts. */
export function localitySettings(rule: MergedRule, port: number, mesh: MeshDefaults): Settings | undefined {
  const blocks: readonly EffectiveBlocks[] = [undefined, ...rule.subsets].map((subset) =>
    effectiveBlocks(rule, subset, port, mesh.trafficPolicy),
  );
  const settings = blocks.map((each) => actingLocality(each, mesh.locality));
  return settings.some((setting) => setting !== undefined) ? settings : undefined;
}

const memory = new WeakMap<readonly Destination[], Map<string, readonly Destination[]>>();

/**
 * The destinations of a port as a client in some place has them. Clients for whom places mean the same share them, and what no place
 * touches is the very destination that all clients share. `addresses` are those of a destination that the proxy resolves itself.
 */
export function placedDestinations(
  destinations: readonly Destination[],
  settings: Settings | undefined,
  client: Placed,
  addresses: (index: number, locality: LocalityDecision) => readonly EndpointAddress[],
): readonly Destination[] {
  if (settings === undefined) return destinations;
  const decisions = settings.map((setting) => setting && localityDecision(setting, client));
  if (decisions.every((decision) => decision === undefined)) return destinations;
  const byPlace = remembered(memory, destinations, () => new Map<string, readonly Destination[]>());
  const key = JSON.stringify(decisions.map((decision) => decision?.value ?? null));
  const known = byPlace.get(key);
  if (known !== undefined) return known;
  const placed = destinations.map((destination, index) => placedAt(destination, decisions[index], index, addresses));
  byPlace.set(key, placed);
  return placed;
}

function placedAt(
  destination: Destination,
  locality: Decided<LocalityDecision> | undefined,
  index: number,
  addresses: (index: number, locality: LocalityDecision) => readonly EndpointAddress[],
): Destination {
  // Who is called as the request says, or as one name, has no order.
  const { discovery } = destination;
  if (locality === undefined || discovery === 'request' || discovery === 'dns-round-robin') return destination;
  if (discovery === 'registry') return { ...destination, locality };
  // Zones are balanced among endpoints that the registry knows.
  const { balance, ...plain } = locality.value;
  const value = balance === undefined ? plain : { ...plain, weighted: false };
  return { ...destination, locality: { ...locality, value }, addresses: addresses(index, value) };
}
