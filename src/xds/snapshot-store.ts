import { check, text } from './check.ts';
import type { Clock } from './clock.ts';
import { createDebounce, type Debounce } from './debounce.ts';
import { createLayer, type Layer, updateLayer } from './layer.ts';
import type { Resource, ResourceReference } from './resource.ts';
import { endpointType } from './resource-types.ts';
import type { Session } from './server-options.ts';
import type { Snapshot } from './snapshot.ts';

/** How changes are gathered (X99), in milliseconds. */
export interface QuietTimes {
  /** A change is told to the streams once there was no other for this long. */
  readonly quiet: number;
  /** …or at the latest after this. */
  readonly longest: number;
  /** The same for changes of endpoints alone, which wait less. */
  readonly endpointsQuiet: number;
  readonly endpointsLongest: number;
}

/** Resources that are new or take the place of others, and resources that are gone. */
export interface SnapshotChange {
  readonly set?: readonly Resource[];
  readonly remove?: readonly ResourceReference[];
}

/** What is served where no `open` of one's own decides: one snapshot for all nodes, others for single ones. */
export interface SnapshotStore {
  /** Replaces the whole snapshot of a node, or of every node that has none of its own. */
  set(resources: Iterable<Resource>, node?: string): void;
  /** Changes a part of it, at the cost of that part. Throws where there is no snapshot yet. */
  update(change: SnapshotChange, node?: string): void;
  /** The node is served the shared snapshot again. */
  clear(node: string): void;
  session(node: string): Session;
  /** Whether there is anything for this node. */
  has(node: string): boolean;
  /** Whether there is nothing for anybody. */
  readonly empty: boolean;
  /** Nothing more is told; `set`, `update` and `clear` throw from now on. */
  stop(): void;
}

/** One snapshot: the newest layer, and what the streams were told of last. */
interface Slot {
  layer: Layer | undefined;
  published: Snapshot | undefined;
  readonly watchers: Set<() => void>;
  /** How many sessions are open: a stream that begins watches a moment after it has its session. */
  sessions: number;
  publish(): void;
  readonly all: Debounce;
  readonly endpoints: Debounce;
}

/** Creates an empty store; before the first `set` streams hear UNAVAILABLE (X9). `onFailure` hears of a watcher that threw. */
export function createSnapshotStore(
  clock: Clock,
  times: QuietTimes,
  onFailure: (error: unknown) => void,
): SnapshotStore {
  const slots = new Map<string | undefined, Slot>();
  let generation = 0;
  let stopped = false;
  const begin = (what: 'set' | 'update' | 'clear'): void => {
    if (stopped) throw new Error(`${what}: the server is closed, and serves nobody any more`);
  };

  const slotOf = (node: string | undefined): Slot => {
    const present = slots.get(node);
    if (present !== undefined) return present;
    const publish = (): void => {
      slot.all.stop();
      slot.endpoints.stop();
      if (slot.layer === undefined || slot.layer === slot.published?.layers[0]) return;
      generation += 1;
      slot.published = { generation, commit: '', layers: [slot.layer] };
      // Who has a snapshot of its own is not concerned; its session looks at that one.
      for (const onChange of [...slot.watchers]) onChange();
    };
    const slot: Slot = {
      layer: undefined,
      published: undefined,
      watchers: new Set(),
      sessions: 0,
      publish,
      all: createDebounce(clock, times.quiet, times.longest, publish, onFailure),
      endpoints: createDebounce(clock, times.endpointsQuiet, times.endpointsLongest, publish, onFailure),
    };
    slots.set(node, slot);
    return slot;
  };

  const change = (slot: Slot, layer: Layer): void => {
    if (layer === slot.layer) return;
    const first = slot.layer === undefined;
    slot.layer = layer;
    const onlyEndpoints = !first && [...(layer.history[0]?.names.keys() ?? [])].every((type) => type === endpointType);
    if (first || (onlyEndpoints ? times.endpointsQuiet : times.quiet) === 0) slot.publish();
    else if (onlyEndpoints) slot.endpoints.signal();
    else slot.all.signal();
  };

  return {
    set(resources, node) {
      begin('set');
      if (node !== undefined) check('set', node, text, 'node');
      const slot = slotOf(node);
      change(slot, createLayer(resources, slot.layer, node === undefined ? 'shared' : ''));
    },
    update(changes, node) {
      begin('update');
      if (node !== undefined) check('update', node, text, 'node');
      const slot = slotOf(node);
      if (slot.layer === undefined)
        throw new Error(`there is no snapshot ${node === undefined ? '' : `of ${node} `}to update: set one first`);
      change(slot, updateLayer(slot.layer, changes));
    },
    clear(node) {
      begin('clear');
      check('clear', node, text, 'node');
      const slot = slots.get(node);
      if (slot === undefined) return;
      slot.all.stop();
      slot.endpoints.stop();
      slot.layer = undefined;
      slot.published = undefined;
      if (slot.sessions === 0) slots.delete(node);
      // The generation of no stream goes back (INV7).
      const shared = slotOf(undefined);
      generation += 1;
      if (shared.published !== undefined) shared.published = { ...shared.published, generation };
      for (const onChange of [...slot.watchers]) onChange();
    },
    session(node) {
      const [own, shared] = [slotOf(node), slotOf(undefined)];
      own.sessions += 1;
      let closed = false;
      return {
        snapshot: () => own.published ?? shared.published,
        watch(onChange) {
          const fromShared = (): void => {
            if (own.published === undefined) onChange();
          };
          own.watchers.add(onChange);
          shared.watchers.add(fromShared);
          return () => {
            own.watchers.delete(onChange);
            shared.watchers.delete(fromShared);
          };
        },
        close() {
          if (closed) return;
          closed = true;
          own.sessions -= 1;
          if (own.layer === undefined && own.sessions === 0) slots.delete(node);
        },
      };
    },
    get empty() {
      return ![...slots.values()].some(({ layer }) => layer !== undefined);
    },
    has: (node) => slots.get(node)?.layer !== undefined || slots.get(undefined)?.layer !== undefined,
    stop() {
      stopped = true;
      for (const { all, endpoints } of slots.values()) {
        all.stop();
        endpoints.stop();
      }
    },
  };
}
