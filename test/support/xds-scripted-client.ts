import type { DeltaRequest } from '../../src/xds/delta.ts';
import { createLayer, type Layer } from '../../src/xds/layer.ts';
import type { Plan } from '../../src/xds/plan.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  runtimeType,
  scopedRouteType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';
import {
  type ClientFeatures,
  nextResponse,
  openStream,
  type StreamState,
  stepDelta,
  stepSotw,
  type World,
} from '../../src/xds/stream-state.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { countingSeal, noQuarantine } from './xds-world.ts';

/** The types of a script, in the words of the protocol. */
export const types = {
  CDS: clusterType,
  EDS: endpointType,
  LDS: listenerType,
  RDS: routeType,
  SRDS: scopedRouteType,
  VHDS: virtualHostType,
  SDS: secretType,
  ECDS: extensionType,
  RTDS: runtimeType,
} as const;
export type TypeName = keyof typeof types;

/**
 * `c=1`: the cluster c in its first form; `r=1>c,d`: a route to the clusters c and d; `e=1>SDS:k`: an extension that refers to a secret;
 * `s=1>r`: a scope of the route configuration r; `h=1@i`: a virtual host with an alias; `c=1!`: with a TTL of 12 s.
 */
export function content(lines: Readonly<Partial<Record<TypeName, string>>>): readonly Resource[] {
  return (Object.keys(types) as TypeName[]).flatMap((type) =>
    (lines[type] ?? '')
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => resourceOf(type, word)),
  );
}

function resourceOf(type: TypeName, word: string): Resource {
  const [before = '', to] = word.split('>');
  const [said = '', alias] = before.split('@');
  const [name = ''] = said.split('=');
  const references = (to?.split(',') ?? []).map((other) =>
    other.startsWith('SDS:')
      ? { typeUrl: secretType, name: other.slice('SDS:'.length) }
      : { typeUrl: type === 'SRDS' ? routeType : clusterType, name: other },
  );
  const fields = {
    typeUrl: types[type],
    name,
    value: Buffer.from(said),
    references,
    ...(alias === undefined ? {} : { aliases: [alias] }),
    ...(said.endsWith('!') ? { ttl: 12_000 } : {}),
  };
  return createResource(type === 'CDS' ? { ...fields, edsName: name } : fields);
}

/** A client that says what a script tells it to, over one aggregated stream of either variant, and what it is told. */
export class ScriptedClient {
  readonly variant: Variant;
  state: StreamState;
  now = 0;
  /** When the server wants to look again. */
  wake = Number.POSITIVE_INFINITY;
  quarantine: World['quarantine'] = noQuarantine;
  /** The same value until the mesh changes, as a server has it. */
  #layers: readonly [Layer] = [createLayer([])];
  #generation = 0;
  readonly #wanted = new Map<TypeName, readonly string[]>();
  /** The nonces of the responses that it handled last. */
  readonly #handled = new Map<TypeName, string>();
  readonly #plans = new Map<TypeName, Plan>();
  /** What it holds, by type and name, and the version of the last set that it took. */
  readonly #held = new Map<TypeName, Map<string, string>>();
  readonly #acked = new Map<TypeName, string>();

  readonly #features: ClientFeatures;

  constructor(variant: Variant, features: ClientFeatures = { ttl: false }) {
    this.variant = variant;
    this.#features = features;
    this.state = openStream(variant, features);
  }

  /** The mesh is this from now on. Like every step it gives what the client is told at once. */
  set(lines: Parameters<typeof content>[0]): readonly string[] {
    return this.setResources(content(lines));
  }

  setResources(resources: readonly Resource[]): readonly string[] {
    this.#layers = [createLayer(resources, this.#layers[0])];
    this.#generation += 1;
    return this.run();
  }

  run(): readonly string[] {
    const told: string[] = [];
    for (;;) {
      const snapshot = { generation: this.#generation, commit: '', layers: this.#layers };
      const timing = { hold: 5_000, grace: 5_000 };
      const { quarantine, now } = this;
      const next = nextResponse(this.state, { snapshot, now, timing, seal: countingSeal, quarantine });
      this.state = next.state;
      this.wake = next.wake;
      if (next.plan === undefined) return told;
      told.push(this.#hear(next.plan));
    }
  }

  #hear(plan: Plan): string {
    const type = (Object.keys(types) as TypeName[]).find((name) => types[name] === plan.typeUrl) ?? 'CDS';
    this.#plans.set(type, plan);
    const words = plan.resources.map(({ name, value }) =>
      isEmpty(value) ? `${name}=empty` : value.length === 0 ? `${name}=absent` : Buffer.from(value).toString(),
    );
    return [
      plan.ttl === 'heartbeat' ? `${type} heartbeat` : type,
      ...words.sort(),
      ...plan.removed.map((name) => `-${name}`),
    ].join(' ');
  }

  /** From now on the client wants these names of a type, and nothing else; none: everything, where the type has that. */
  ask(type: TypeName, names: readonly string[]): readonly string[] {
    const before = this.#wanted.get(type);
    this.#wanted.set(type, names);
    const subscribe = names.filter((name) => before?.includes(name) !== true);
    const unsubscribe = before?.filter((name) => !names.includes(name)) ?? [];
    return this.#say(type, this.#handled.get(type) ?? '', undefined, subscribe, unsubscribe);
  }

  /** The client names again what it wants already: in delta this asks anew, in SotW it says nothing. */
  askAgain(type: TypeName, name: string): readonly string[] {
    return this.#say(type, this.#handled.get(type) ?? '', undefined, [name], []);
  }

  /** A delta request in all its words. */
  request(type: TypeName, words: Partial<DeltaRequest>): readonly string[] {
    const none = { nonce: '', error: undefined, subscribe: [], unsubscribe: [], initialVersions: new Map() };
    this.state = stepDelta(this.state, types[type], { ...none, ...words }, this.now);
    return this.run();
  }

  ack(type: TypeName): readonly string[] {
    const plan = this.#plans.get(type);
    const held = this.#held.get(type) ?? new Map<string, string>();
    this.#held.set(type, held);
    for (const { name, version } of plan?.resources ?? []) held.set(name, version);
    for (const name of plan?.removed ?? []) held.delete(name);
    this.#acked.set(type, plan?.version ?? '');
    this.#handled.set(type, plan?.nonce ?? '');
    return this.#say(type, plan?.nonce ?? '', undefined, [], []);
  }

  nack(type: TypeName, error: string): readonly string[] {
    this.#handled.set(type, this.#plans.get(type)?.nonce ?? '');
    return this.#say(type, this.#plans.get(type)?.nonce ?? '', error, [], []);
  }

  /** A request with a nonce that no response of this stream bore. */
  stray(type: TypeName, names: readonly string[]): readonly string[] {
    const before = this.#wanted.get(type) ?? [];
    this.#wanted.set(type, names);
    return this.#say(
      type,
      'of another life',
      undefined,
      names.filter((name) => !before.includes(name)),
      [],
    );
  }

  wait(milliseconds: number): readonly string[] {
    this.now += milliseconds;
    return this.run();
  }

  /** A new stream, on which the client says what it wanted and what it holds. */
  reconnect(): readonly string[] {
    this.state = openStream(this.variant, this.#features);
    this.#plans.clear();
    this.#handled.clear();
    const told: string[] = [];
    for (const [type, names] of this.#wanted)
      told.push(...this.#say(type, '', undefined, names, [], this.#held.get(type)));
    return told;
  }

  #say(
    type: TypeName,
    nonce: string,
    error: string | undefined,
    subscribe: readonly string[],
    unsubscribe: readonly string[],
    initialVersions: ReadonlyMap<string, string> = new Map(),
  ): readonly string[] {
    const { state, now } = this;
    if (this.variant === 'delta')
      this.state = stepDelta(state, types[type], { nonce, error, subscribe, unsubscribe, initialVersions }, now);
    else {
      const names = this.#wanted.get(type) ?? [];
      const version = this.#acked.get(type) ?? '';
      const { state: after, stale } = stepSotw(state, types[type], { nonce, version, error, names }, now);
      this.state = after;
      if (stale) return [];
    }
    return this.run();
  }
}

/** A message with nothing but its name stands for endpoints that do not exist (X90). */
function isEmpty(value: Uint8Array): boolean {
  return value[0] === 10;
}
