import { compareText } from '../model/compare-text.ts';
import { Failure } from '../model/failure.ts';
import { localPortKey } from '../model/mesh.ts';
import type { Service } from '../model/service.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import { createDebouncedSave } from './debounced-save.ts';
import { keepMap } from './keep-identity.ts';

/** Which local port stands for which service port; `released` are those of services that went, with the time. */
export interface LocalPortState {
  readonly ports: ReadonlyMap<string, number>;
  readonly released: ReadonlyMap<string, { readonly port: number; readonly at: number }>;
}

export interface LocalPortRange {
  readonly first: number;
  /** Below the ports that systems give to outgoing connections (32768). */
  readonly last: number;
}

/** The ports of a mesh whose first is `first` (the setting `localPorts.base`): ten thousand, as far as there are ports. */
export function localPortRange(first: number): LocalPortRange {
  return { first, last: Math.min(first + 9_999, 65_535) };
}

/** A released port is not given to another service within this time (section 7 of experience.md). */
export const localPortRest = 24 * 60 * 60 * 1000;

/**
 * Gives each key a port of the range: the one it has or had last, else the lowest that is free and rested. Keys are served in their
 * order, so equal histories give equal ports. A key for which none is left has no port.
 */
export function allocateLocalPorts(
  state: LocalPortState,
  keys: readonly string[],
  range: LocalPortRange,
  now: number,
): LocalPortState {
  const wanted = new Set(keys);
  const ports = new Map<string, number>();
  const released = new Map<string, { readonly port: number; readonly at: number }>();
  for (const [key, rest] of state.released) {
    if (wanted.has(key) && !state.ports.has(key)) ports.set(key, rest.port);
    else if (now - rest.at < localPortRest) released.set(key, rest);
  }
  for (const [key, port] of state.ports) {
    if (wanted.has(key)) ports.set(key, port);
    else released.set(key, { port, at: now });
  }
  const taken = new Set([...ports.values(), ...[...released.values()].map((rest) => rest.port)]);
  let candidate = range.first;
  for (const key of [...wanted].sort(compareText)) {
    if (ports.has(key)) continue;
    while (taken.has(candidate)) candidate += 1;
    if (candidate > range.last) break;
    ports.set(key, candidate);
    taken.add(candidate);
  }
  return { ports: new Map([...ports].sort(([a], [b]) => compareText(a, b))), released };
}

/** The keys of the service ports that get a local port. */
export function localPortKeys(services: readonly Service[]): readonly string[] {
  return (
    services
      // A wildcard host has no address of its own that one port could stand for.
      .filter((service) => !service.host.startsWith('*'))
      .flatMap((service) => service.ports.map((port) => localPortKey(service.key, port.number)))
  );
}

export interface LocalPorts {
  /** Reads the ports of earlier runs; call it once, before the first `assign`. Throws Failure if the state is damaged. */
  restore(): Promise<void>;
  /** The ports of these services by `localPortKey`; the same map object while nothing changes. */
  assign(services: readonly Service[]): ReadonlyMap<string, number>;
  /** Service ports that got none, as the range is full. */
  exhausted(): number;
  flush(): Promise<void>;
}

const stateKey = 'registry/local-ports.json';

/** Local ports, allocated once for the whole mesh and kept in the store (section 7 of experience.md). */
export function createLocalPorts(
  store: StateStore,
  clock: Clock,
  range: LocalPortRange = { first: 21_000, last: 32_767 },
): LocalPorts {
  let state: LocalPortState = { ports: new Map(), released: new Map() };
  let last: readonly Service[] | undefined;
  let missing = 0;
  const save = createDebouncedSave(store, clock, stateKey, () => write(state));
  return {
    async restore() {
      const bytes = await store.read(stateKey);
      if (bytes) state = read(bytes);
    },
    assign(services) {
      if (services === last) return state.ports;
      last = services;
      const keys = localPortKeys(services);
      const next = allocateLocalPorts(state, keys, range, clock.now());
      const ports = keepMap(state.ports, next.ports);
      if (ports !== state.ports) save.changed();
      state = { ports, released: next.released };
      missing = new Set(keys).size - ports.size;
      return ports;
    },
    exhausted: () => missing,
    flush: () => save.flush(),
  };
}

function write(state: LocalPortState): Uint8Array {
  const saved = { version: 1, ports: [...state.ports], released: [...state.released] };
  return new TextEncoder().encode(`${JSON.stringify(saved)}\n`);
}

function read(bytes: Uint8Array): LocalPortState {
  try {
    const saved = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly version?: unknown;
      readonly ports: readonly (readonly [unknown, unknown])[];
      readonly released: readonly (readonly [unknown, { readonly port: unknown; readonly at: unknown }])[];
    };
    if (saved.version !== 1) throw new SyntaxError('not version 1');
    const number = (value: unknown) => {
      if (typeof value !== 'number') throw new SyntaxError('a number is missing');
      return value;
    };
    return {
      ports: new Map(saved.ports.map(([key, port]) => [String(key), number(port)])),
      released: new Map(
        saved.released.map(([key, { port, at }]) => [String(key), { port: number(port), at: number(at) }]),
      ),
    };
  } catch (error) {
    throw new Failure(
      'WEFT0904',
      `the allocated local ports cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      `restore ${stateKey} of the state directory, or delete it; ports are then given anew`,
      stateKey,
    );
  }
}
