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
  const present = new Map<string, Map<string, Workload>>();
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

/** Moves who came, went or changed; returns the services that they are or were of. */
function regroup(
  present: Map<string, Map<string, Workload>>,
  before: ReadonlyMap<string, Workload>,
  now: ReadonlyMap<string, Workload>,
): ReadonlySet<string> {
  const touched = new Set<string>();
  for (const id of differingKeys(before, now)) {
    const [old, recent] = [before.get(id), now.get(id)];
    for (const one of [old, recent]) if (one?.service !== undefined) touched.add(keyOf(one.namespace, one.service));
    if (old?.service !== undefined) present.get(keyOf(old.namespace, old.service))?.delete(id);
    if (recent?.service === undefined) continue;
    const key = keyOf(recent.namespace, recent.service);
    const members = present.get(key);
    if (members) members.set(id, recent);
    else present.set(key, new Map([[id, recent]]));
  }
  for (const key of touched) if (present.get(key)?.size === 0) present.delete(key);
  return touched;
}

/** What is known after a change of these services; those that lost their last workload stay as they were. */
function remembered(
  known: ReadonlyMap<string, KnownService>,
  present: ReadonlyMap<string, ReadonlyMap<string, Workload>>,
  touched: ReadonlySet<string>,
): ReadonlyMap<string, KnownService> {
  let next: Map<string, KnownService> | undefined;
  for (const key of touched) {
    const members = [...(present.get(key)?.values() ?? [])];
    const [first] = members;
    if (first?.service === undefined) continue;
    const before = known.get(key);
    const last = distinct(members.map(shapeOf)).slice(0, mostShapes);
    if (before !== undefined && textOf(before.last) === textOf(last)) continue;
    const texts = new Set(last.map(textOf));
    const others = [...(before?.last ?? []), ...(before?.former ?? [])].filter((shape) => !texts.has(textOf(shape)));
    const former = [...new Map(others.map((shape) => [textOf(shape), shape])).values()].slice(0, mostShapes);
    next ??= new Map(known);
    // Whoever changed last stands at the end: the first are forgotten first.
    next.delete(key);
    next.set(key, { namespace: first.namespace, name: first.service, last, former });
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

/** Each once, in the order of their texts: who joined first makes no difference. */
function distinct(shapes: readonly WorkloadShape[]): readonly WorkloadShape[] {
  const byText = new Map(shapes.map((shape) => [textOf(shape), shape]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, shape]) => shape);
}

function textOf(value: WorkloadShape | readonly WorkloadShape[]): string {
  return JSON.stringify(value);
}

function keyOf(namespace: string, service: string): string {
  return `${namespace}/${service}`;
}
