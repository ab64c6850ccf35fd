import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, Protocol } from '../model/policy.ts';
import type { Readable } from '../model/readable.ts';
import { type ServiceKey, serviceKeyOf } from '../model/service.ts';
import { differingKeys, sortedMap } from '../model/sorted-map.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { Workload } from '../model/workload.ts';
import { createDebouncedSave } from './debounced-save.ts';
import { impliedProtocol } from './implied-services.ts';
import {
  decodeServices,
  encodeServices,
  type KnownService,
  knownServicesKey,
  type WorkloadShape,
} from './saved-services.ts';
import { serviceHost } from './service-definitions.ts';

/** A port of workloads that have left. */
export interface FormerPort {
  readonly number: number;
  readonly protocol: Protocol;
}

/** What was ever there and is not now (decision 47). */
export interface AwayServices {
  /** One workload for each shape of a service that has none now. They stand in no mesh: checks of policies see what they would make. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Ports that workloads of a service had before those that it has or had last. */
  readonly ports: ReadonlyMap<ServiceKey, readonly FormerPort[]>;
  /** False: nobody has ever joined, so that the registry says nothing of what is right. */
  readonly isHistory: boolean;
}

export interface KnownServices {
  /** Reads what earlier runs knew; what cannot be read is told by `problem`, and forgotten. */
  restore(): Promise<void>;
  /** The same value while nothing changes. */
  away(): AwayServices;
  problem(): string | undefined;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** More shapes than that are not told apart for one service. */
const mostShapes = 8;
/** Names are not forgotten before there are so many. */
const mostServices = 20_000;

/** Remembers every service that a workload ever joined as, so that a verdict about policies does not depend on who is away. */
export function createKnownServices(options: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly settings: MeshSettings;
  readonly joined: Readable<ReadonlyMap<string, Workload>>;
}): KnownServices {
  const { store, clock, settings, joined } = options;
  let known: ReadonlyMap<string, KnownService> = new Map();
  let seen: ReadonlyMap<string, Workload> = new Map();
  let away: AwayServices | undefined;
  let unreadable: string | undefined;
  const present = new Map<string, Members>();
  const save = createDebouncedSave(store, clock, knownServicesKey, () => encodeServices(known));

  const look = (): void => {
    const now = joined.get();
    const touched = regroup(present, seen, now);
    seen = now;
    const next = remembered(known, present, touched);
    if (touched.size > 0) away = undefined;
    if (next === known) return;
    known = next;
    save.changed();
  };
  const unwatch = joined.watch(look);
  look();

  return {
    async restore() {
      try {
        const bytes = await store.read(knownServicesKey);
        if (bytes) known = new Map(decodeServices(bytes).map((one) => [keyOf(one.namespace, one.name), one]));
      } catch (error) {
        unreadable = `${knownServicesKey}: ${error instanceof Error ? error.message : String(error)}`;
      }
      away = undefined;
      seen = new Map();
      present.clear();
      look();
    },
    away() {
      away ??= awayOf(known, present, settings);
      return away;
    },
    problem: () => unreadable ?? save.problem(),
    flush: () => save.flush(),
    async close() {
      unwatch();
      await save.flush();
    },
  };
}

/** The workloads of a service that are here, counted by their shapes: a change costs what it changes, however many there are. */
interface Members {
  readonly namespace: string;
  readonly name: string;
  readonly shapes: Map<string, { readonly shape: WorkloadShape; count: number }>;
}

/** Moves who came, went or changed; returns the services that they are or were of, with the texts of the shapes that came or went. */
function regroup(
  present: Map<string, Members>,
  before: ReadonlyMap<string, Workload>,
  now: ReadonlyMap<string, Workload>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const touched = new Map<string, Set<string>>();
  for (const id of differingKeys(before, now)) {
    const [old, recent] = [before.get(id), now.get(id)];
    for (const [one, by] of [
      [recent, 1],
      [old, -1],
    ] as const) {
      if (one?.service === undefined) continue;
      const key = keyOf(one.namespace, one.service);
      const texts = touched.get(key) ?? new Set();
      touched.set(key, texts);
      let members = present.get(key);
      if (members === undefined) {
        members = { namespace: one.namespace, name: one.service, shapes: new Map() };
        present.set(key, members);
      }
      const shape = shapeOf(one);
      const text = textOf(shape);
      const counted = members.shapes.get(text) ?? { shape, count: 0 };
      if (counted.count + by === 0 || counted.count === 0) texts.add(text);
      counted.count += by;
      if (counted.count > 0) members.shapes.set(text, counted);
      else members.shapes.delete(text);
    }
  }
  for (const key of touched.keys()) if (present.get(key)?.shapes.size === 0) present.delete(key);
  return touched;
}

/** What is known after a change of these services; those that lost their last workload stay as they were. */
function remembered(
  known: ReadonlyMap<string, KnownService>,
  present: ReadonlyMap<string, Members>,
  touched: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, KnownService> {
  let next: Map<string, KnownService> | undefined;
  for (const [key, changed] of touched) {
    const members = present.get(key);
    if (members === undefined) continue;
    const before = known.get(key);
    if (before !== undefined && isStill(before.last, members, changed)) continue;
    const last = inOrder(members.shapes).slice(0, mostShapes);
    if (before !== undefined && textOf(before.last) === textOf(last)) continue;
    const texts = new Set(last.map(textOf));
    const others = [...(before?.last ?? []), ...(before?.former ?? [])].filter((shape) => !texts.has(textOf(shape)));
    const former = [...new Map(others.map((shape) => [textOf(shape), shape])).values()].slice(0, mostShapes);
    next ??= new Map(known);
    // Whoever changed last stands at the end: the first are forgotten first.
    next.delete(key);
    next.set(key, { namespace: members.namespace, name: members.name, last, former });
  }
  if (next === undefined) return known;
  for (const key of next.keys()) {
    if (next.size <= mostServices) break;
    if (!present.has(key)) next.delete(key);
  }
  return next;
}

function awayOf(
  known: ReadonlyMap<string, KnownService>,
  present: ReadonlyMap<string, unknown>,
  settings: MeshSettings,
): AwayServices {
  const workloads: [string, Workload][] = [];
  const ports = new Map<ServiceKey, readonly FormerPort[]>();
  for (const [key, { namespace, name, last, former }] of known) {
    if (!present.has(key)) workloads.push(...last.map((shape, index) => awayWorkload(namespace, name, shape, index)));
    const once = former.flatMap((shape) =>
      shape.ports.map((port) => ({ number: port.port, protocol: impliedProtocol(port, settings) })),
    );
    if (once.length > 0) ports.set(serviceKeyOf(namespace, serviceHost(name, namespace, settings)), once);
  }
  return { workloads: sortedMap(workloads), ports, isHistory: known.size > 0 };
}

/** No workload can have this id: names are labels, which begin with no "~". */
function awayWorkload(
  namespace: string,
  service: string,
  { labels, granted, ports }: WorkloadShape,
  index: number,
): [string, Workload] {
  const name = `~${index}-${service}`;
  const id = `${name}.${namespace}`;
  const all = ports.map((port) => ({ ...port, endpointPort: port.port }));
  const who = { id, name, namespace, service, labels, granted, ports: all } as const;
  return [id, { ...who, address: '', weight: 1, health: 'draining', source: 'proxy' }];
}

function shapeOf({ labels, granted = {}, ports }: Workload): WorkloadShape {
  return {
    labels: sorted(labels),
    granted: sorted(granted),
    ports: ports.map(({ name, port, protocol }) => ({
      ...(name === undefined ? {} : { name }),
      port,
      ...(protocol === undefined ? {} : { protocol }),
    })),
  };
}

function sorted(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).sort());
}

/** Whether these are still the first shapes, found without a look at all of them: workloads may all differ. */
function isStill(last: readonly WorkloadShape[], { shapes }: Members, changed: ReadonlySet<string>): boolean {
  const texts = last.map(textOf);
  if (!texts.every((text) => shapes.has(text))) return false;
  if (last.length < mostShapes) return last.length === shapes.size;
  const greatest = texts.at(-1) ?? '';
  return [...changed].every((text) => text >= greatest || texts.includes(text));
}

/** In the order of their texts: who joined first makes no difference. */
function inOrder(shapes: Members['shapes']): readonly WorkloadShape[] {
  return [...shapes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { shape }]) => shape);
}

function textOf(value: WorkloadShape | readonly WorkloadShape[]): string {
  return JSON.stringify(value);
}

function keyOf(namespace: string, service: string): string {
  return `${namespace}/${service}`;
}
