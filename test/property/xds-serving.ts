import type { Plan } from '../../src/xds/plan.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { nextResponse, openStream, type StreamState, type World } from '../../src/xds/stream-state.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { type Instance, type Item, meshTypes } from './xds-mesh.ts';
import { placeOf } from './xds-order.ts';

/** What all clients of a history share: the control planes, what they want, and what was refused elsewhere. */
export interface Surroundings {
  readonly instances: readonly Instance[];
  readonly items: ReadonlyMap<string, Item>;
  /** Content, as key and text, that another client refused: its good form there, if any. */
  readonly refusedElsewhere: ReadonlyMap<string, Resource | undefined>;
  readonly quarantine: World['quarantine'];
}

/** What distinguishes a client. A lazy one leaves out some steps, so that others of its kind are ahead of it or behind. */
export interface ClientKind {
  readonly variant: Variant;
  /** One stream for all types. */
  readonly aggregated: boolean;
  readonly isLazy: boolean;
}

/** A stream as the server keeps it. */
export interface Stream {
  readonly instance: number;
  readonly nonces: Set<string>;
  state: StreamState;
  generation: number;
}

const timing = { hold: 5_000, grace: 5_000 };
const never = Number.POSITIVE_INFINITY;

/** The streams of one client, on the instance that it is connected to. */
export class Serving {
  readonly #kind: ClientKind;
  /** The client knows TTLs. */
  readonly #ttl: boolean;
  readonly #world: Surroundings;
  readonly #hear: (stream: Stream, plan: Plan, generation: number) => void;
  readonly #streams = new Map<string, Stream>();

  constructor(
    kind: ClientKind,
    ttl: boolean,
    world: Surroundings,
    hear: (stream: Stream, plan: Plan, generation: number) => void,
  ) {
    this.#kind = kind;
    this.#ttl = ttl;
    this.#world = world;
    this.#hear = hear;
  }

  get all(): readonly Stream[] {
    return [...this.#streams.values()];
  }

  of(typeUrl: string): Stream {
    const stream = this.#streams.get(this.#kind.aggregated ? 'all' : typeUrl);
    if (stream === undefined) throw new Error(`the model has no stream of ${typeUrl}`);
    return stream;
  }

  /** Ends all streams, and opens new ones where an instance is given. */
  begin(instance: number | undefined): void {
    this.#streams.clear();
    if (instance === undefined) return;
    for (const key of this.#kind.aggregated ? ['all'] : meshTypes) {
      const state = openStream(this.#kind.variant, { ttl: this.#ttl }, [], 'all');
      this.#streams.set(key, { instance, nonces: new Set(), state, generation: 0 });
    }
  }

  /** Lets the server say all that it has to say. Returns when it wants to look again. */
  drain(now: number): number {
    return Math.min(never, ...this.all.map((stream) => this.#drain(stream, now)));
  }

  #drain(stream: Stream, now: number): number {
    const instance = this.#world.instances[stream.instance];
    if (instance === undefined) throw new Error('the model has no such instance');
    let place = 0;
    for (let count = 0; count < 200; count += 1) {
      const { snapshot, seal } = instance;
      const { quarantine } = this.#world;
      const next = nextResponse(stream.state, { snapshot, now, timing, seal, quarantine });
      stream.state = next.state;
      if (next.plan === undefined) return next.wake;
      const at = placeOf(next.plan.typeUrl);
      if (at < place) throw new Error(`INV7 X86 ${next.plan.typeUrl} after a later type of the same moment`);
      place = at;
      this.#hear(stream, next.plan, snapshot.generation);
    }
    throw new Error('INV1 the server does not stop sending');
  }
}
