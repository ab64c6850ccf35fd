import fc from 'fast-check';
import { createLayer, type Layer, updateLayer } from '../../src/xds/layer.ts';
import type { Seal } from '../../src/xds/plan.ts';
import { createResource, type Resource, type ResourceReference } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  runtimeType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';
import { createSeal } from '../../src/xds/seal.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';

/** A resource that the mesh wants, as the model knows it: its content is `text`, which src/xds never reads. */
export interface Item {
  readonly typeUrl: string;
  readonly name: string;
  readonly text: string;
  /** Content that every client refuses. */
  readonly bad: boolean;
  readonly references: readonly ResourceReference[];
  readonly own: boolean;
  readonly ttl: number | undefined;
}

/** What the mesh wants at a moment: for each slot a mark (0: not there, `badMark`: refused) and what it refers to. */
export interface Intent {
  readonly marks: readonly number[];
  readonly targets: readonly number[];
  /** Which slots stand in the layer of the proxy's own, and which have a TTL; bit by bit. */
  readonly own: number;
  readonly timed: number;
}

export const badMark = 4;

interface Slot {
  readonly typeUrl: string;
  readonly name: string;
}

const slot = (typeUrl: string, ...names: readonly string[]): readonly Slot[] =>
  names.map((name) => ({ typeUrl, name }));

/** Everything that may exist. The endpoints of c1 bear another name than their cluster (X95). */
export const slots: readonly Slot[] = [
  ...slot(clusterType, 'c0', 'c1', 'c2'),
  ...slot(endpointType, 'c0', 's1', 'c2'),
  ...slot(listenerType, 'l0', 'l1'),
  ...slot(routeType, 'r0', 'r1'),
  ...slot(virtualHostType, 'r0/h0', 'r0/h1'),
  ...slot(secretType, 'k0', 'k1'),
  ...slot(extensionType, 'x0'),
  ...slot(runtimeType, 't0'),
];

export const edsNames: Readonly<Record<string, string>> = { c0: 'c0', c1: 's1', c2: 'c2' };
export const meshTypes: readonly string[] = [...new Set(slots.map(({ typeUrl }) => typeUrl))];
export const namesOfType = (typeUrl: string): readonly string[] =>
  slots.filter((one) => one.typeUrl === typeUrl).map(({ name }) => name);
export const keyOf = (typeUrl: string, name: string): string => `${typeUrl.split('.').at(-1)} ${name}`;

const mark = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }) }, fc.constant(badMark));
const bits = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2 ** slots.length - 1));

export const anyIntent: fc.Arbitrary<Intent> = fc.record({
  marks: fc.array(mark, { minLength: slots.length, maxLength: slots.length }),
  targets: fc.array(fc.nat(23), { minLength: slots.length, maxLength: slots.length }),
  own: bits,
  timed: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, bits),
});

export interface Tweak {
  readonly at: number;
  readonly mark: number;
  readonly target: number;
}

export const anyTweak: fc.Arbitrary<Tweak> = fc.record({ at: fc.nat(slots.length - 1), mark, target: fc.nat(23) });

/** The intent after a change of one slot. */
export function tweaked(intent: Intent, { at, mark: value, target }: Tweak): Intent {
  return { ...intent, marks: intent.marks.with(at, value), targets: intent.targets.with(at, target) };
}

/** What the mesh holds, by key. A resource refers only to what exists, or to a cluster that never does. */
export function itemsOf(intent: Intent): ReadonlyMap<string, Item> {
  const present = (typeUrl: string) =>
    slots.filter((one, index) => one.typeUrl === typeUrl && intent.marks[index] !== 0).map(({ name }) => name);
  const pick = (typeUrl: string, choice: number): readonly ResourceReference[] => {
    const names = present(typeUrl);
    const name = names[choice % Math.max(1, names.length)];
    return name === undefined ? [] : [{ typeUrl, name }];
  };
  const items = new Map<string, Item>();
  for (const [index, { typeUrl, name }] of slots.entries()) {
    const value = intent.marks[index] ?? 0;
    if (value === 0) continue;
    const target = intent.targets[index] ?? 0;
    const references: ResourceReference[] = [];
    if (typeUrl === routeType || typeUrl === virtualHostType || (typeUrl === listenerType && target % 2 === 0)) {
      references.push(...(target === 23 ? [{ typeUrl: clusterType, name: 'nowhere' }] : pick(clusterType, target)));
      if (target % 5 === 0) references.push(...pick(clusterType, target + 1));
    }
    if (typeUrl === listenerType) {
      if (target % 3 === 0) references.push(...pick(routeType, target));
      if (target % 3 === 1) references.push(...pick(secretType, target));
      if (target % 4 === 0) references.push(...pick(extensionType, target));
    }
    if (typeUrl === extensionType) {
      references.push(...pick(clusterType, target));
      if (target % 4 === 1) references.push(...pick(secretType, target));
    }
    if (typeUrl === clusterType && target % 3 === 0) references.push(...pick(secretType, target));
    const unique = [...new Map(references.map((to) => [keyOf(to.typeUrl, to.name), to])).values()];
    items.set(keyOf(typeUrl, name), {
      typeUrl,
      name,
      text: JSON.stringify([name, value, unique.map((to) => keyOf(to.typeUrl, to.name))]),
      bad: value === badMark,
      references: unique,
      own: ((intent.own >> index) & 1) === 1,
      ttl: ((intent.timed >> index) & 1) === 1 ? 3_000 : undefined,
    });
  }
  return items;
}

/** An item as a resource; every instance makes its own. */
export function resourceOf({ typeUrl, name, text, references, ttl }: Item): Resource {
  return createResource({
    typeUrl,
    name,
    value: Buffer.from(text),
    references,
    ...(typeUrl === clusterType ? { edsName: edsNames[name] ?? name } : {}),
    ...(ttl === undefined ? {} : { ttl }),
  });
}

/** A control plane: its own resources in its own order, its own numbers, its own nonces. */
export class Instance {
  readonly seal: Seal;
  snapshot: Snapshot;
  readonly #odd: boolean;
  /** What it made before, so that a resource that comes back is the very same, as in a control plane that remembers. */
  readonly #made = new Map<string, Resource>();

  constructor(number: number) {
    this.#odd = number % 2 === 1;
    this.seal = createSeal(`instance ${number}`, number * 1_000_000);
    this.snapshot = { generation: number * 1_000, commit: '', layers: [createLayer([]), createLayer([])] };
  }

  /** `fresh`: the layers come from nowhere, as when a proxy's scope changes; `small`: by their changes alone. */
  apply(items: ReadonlyMap<string, Item>, how: 'whole' | 'small' | 'fresh'): void {
    const { generation, layers } = this.snapshot;
    const next = layers.map((layer, index) => {
      const wanted = [...items.values()]
        .filter(({ own }) => own === (index === 1))
        .map((item) => (how === 'fresh' ? resourceOf(item) : this.#resource(item)));
      if (this.#odd) wanted.reverse();
      if (how === 'fresh') return createLayer(wanted);
      return how === 'whole' ? createLayer(wanted, layer) : stepped(layer, wanted);
    });
    this.snapshot = { generation: generation + 1, commit: '', layers: next };
  }

  #resource(item: Item): Resource {
    const key = `${keyOf(item.typeUrl, item.text)} ${item.ttl}`;
    const made = this.#made.get(key) ?? resourceOf(item);
    this.#made.set(key, made);
    return made;
  }
}

function stepped(layer: Layer, wanted: readonly Resource[]): Layer {
  const keys = new Set(wanted.map(({ typeUrl, name }) => keyOf(typeUrl, name)));
  return updateLayer(layer, {
    set: wanted,
    remove: slots.filter(({ typeUrl, name }) => !keys.has(keyOf(typeUrl, name))),
  });
}
