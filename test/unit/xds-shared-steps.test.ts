import { expect, test } from 'vitest';
import { createLayer, type Layer } from '../../src/xds/layer.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { endpointType } from '../../src/xds/resource-types.ts';
import { createSeal } from '../../src/xds/seal.ts';
import { joined } from '../../src/xds/shared-steps.ts';
import { nextResponse, openStream, type StreamState, stepDelta } from '../../src/xds/stream-state.ts';
import { openSubscription } from '../../src/xds/subscription.ts';
import { subscriptionOf } from '../../src/xds/subscription-of.ts';
import { noQuarantine } from '../support/xds-world.ts';

const endpoints = (name: string, content = name): Resource =>
  createResource({ typeUrl: endpointType, name, value: Buffer.from(content) });
const namesFrom = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** Streams of one server; each acknowledges whatever it is sent. */
function createStreams(first: Layer) {
  const seal = createSeal('weft', 0);
  let layer = first;
  let generation = 1;
  const say = (state: StreamState, nonce: string, subscribe: readonly string[]): StreamState => {
    const request = { nonce, error: undefined, subscribe, unsubscribe: [], initialVersions: new Map<string, string>() };
    return stepDelta(state, endpointType, request, 0);
  };
  /** Until nothing is owed; what the client was told. */
  const settle = (from: StreamState): { readonly state: StreamState; readonly told: readonly string[] } => {
    const told: string[] = [];
    for (let state = from; ; ) {
      const snapshot = { generation, commit: '', layers: [layer] };
      const world = { snapshot, now: 0, timing: { hold: 5_000, grace: 5_000 }, seal, quarantine: noQuarantine };
      const next = nextResponse(state, world);
      if (next.plan === undefined) return { state: next.state, told };
      told.push(...next.plan.resources.map(({ name }) => name));
      state = say(next.state, next.plan.nonce, []);
    }
  };
  return {
    open: () => openStream('delta', { ttl: false }, [layer]),
    ask: (state: StreamState, names: readonly string[]) => settle(say(state, '', names)).state,
    settle,
    set(resources: readonly Resource[]) {
      layer = createLayer(resources, layer);
      generation += 1;
    },
  };
}

test('X58 streams that share a long list and then ask for more, each for other names, stay apart', () => {
  const all = namesFrom('e', 8_192).map((name) => endpoints(name));
  const streams = createStreams(createLayer(all));
  const listOf = all.map(({ name }) => name);
  const both = ['a', 'b'].map((prefix) => {
    const whole = streams.ask(streams.open(), listOf);
    return streams.ask(whole, namesFrom(prefix, 500));
  });
  const changed = [endpoints('e0', 'changed'), ...all.slice(1)];
  streams.set(changed);
  const after = both.map((state) => streams.settle(state));
  expect(after.map(({ told }) => told)).toEqual([['e0'], ['e0']]);
  streams.set([...changed, endpoints('a7'), endpoints('b7')]);
  expect(after.map(({ state }) => streams.settle(state).told)).toEqual([['a7'], ['b7']]);
});

test('streams of proxies that see the same endpoints begin with one state, whatever else each sees', () => {
  const shared = createLayer(namesFrom('e', 100).map((name) => endpoints(name)));
  const names = namesFrom('e', 50);
  const request = { nonce: '', error: undefined, subscribe: names, unsubscribe: [], initialVersions: new Map() };
  const begun = ['one', 'other'].map((node) => {
    const own = createLayer([
      createResource({ typeUrl: 'type.googleapis.com/x.Own', name: node, value: Buffer.from(node) }),
    ]);
    const state = stepDelta(openStream('delta', { ttl: false }, [shared, own]), endpointType, request, 0);
    return subscriptionOf(state, endpointType);
  });
  expect(begun[0]).toBe(begun[1]);
});

test('T8 of a type that nobody knows nothing is kept for others', () => {
  const open = () => openSubscription('delta', 'type.googleapis.com/none.Known');
  const [one, other] = [open(), open()];
  expect(joined(one)).toBe(one);
  expect(joined(other)).toBe(other);
  const known = () => openSubscription('delta', endpointType);
  expect(joined(known())).toBe(joined(known()));
});
