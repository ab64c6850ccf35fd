import { expect, test } from 'vitest';
import { createLayer, type Layer } from '../../src/xds/layer.ts';
import type { Plan } from '../../src/xds/plan.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { nextResponse, openStream, type StreamState, stepDelta, stepSotw } from '../../src/xds/stream-state.ts';
import { countingSeal, noQuarantine } from '../support/xds-world.ts';

const make = (typeUrl: string, name: string, content: string | Buffer, clusters: readonly string[] = []): Resource =>
  createResource({
    typeUrl,
    name,
    value: Buffer.from(content),
    references: clusters.map((to) => ({ typeUrl: clusterType, name: to })),
    ...(typeUrl === clusterType ? { edsName: name } : {}),
  });

/** A stream with a clock, driven by hand. */
class Driver {
  now = 0;
  state: StreamState;
  layer: Layer = createLayer([]);
  generation = 0;
  plans = new Map<string, Plan>();
  wake = Number.POSITIVE_INFINITY;

  constructor(variant: 'delta' | 'sotw', content: readonly Resource[]) {
    this.state = openStream(variant);
    this.set(content);
  }

  set(content: readonly Resource[]): string[] {
    this.layer = createLayer(content, this.layer);
    this.generation += 1;
    return this.run();
  }

  run(): string[] {
    const told: string[] = [];
    for (;;) {
      const snapshot = { generation: this.generation, commit: '', layers: [this.layer] };
      const next = nextResponse(this.state, {
        snapshot,
        now: this.now,
        timing: { hold: 5_000, grace: 5_000 },
        seal: countingSeal,
        quarantine: noQuarantine,
      });
      this.state = next.state;
      this.wake = next.wake;
      if (next.plan === undefined) return told;
      this.plans.set(next.plan.typeUrl, next.plan);
      const names = [...next.plan.resources.map(({ name }) => name), ...next.plan.removed.map((name) => `-${name}`)];
      told.push(`${next.plan.typeUrl.split('.').at(-1)} ${names.join(' ')}`);
    }
  }

  ask(typeUrl: string, subscribe: readonly string[] = [], held: Readonly<Record<string, string>> = {}): string[] {
    const initialVersions = new Map(Object.entries(held));
    const request = { nonce: '', error: undefined, subscribe, unsubscribe: [], initialVersions };
    this.state = stepDelta(this.state, typeUrl, request, this.now);
    return this.run();
  }

  answer(typeUrl: string, error?: string): string[] {
    const nonce = this.plans.get(typeUrl)?.nonce ?? '';
    const request = { nonce, error, subscribe: [], unsubscribe: [], initialVersions: new Map<string, string>() };
    this.state = stepDelta(this.state, typeUrl, request, this.now);
    return this.run();
  }

  wait(milliseconds: number): string[] {
    this.now += milliseconds;
    return this.run();
  }
}

const x = make(clusterType, 'x', 'x1');
const y = make(clusterType, 'y', 'y1');
const toX = make(routeType, 'r', 'to x', ['x']);
const toY = make(routeType, 'r', 'to y', ['y']);

test('M1 a first answer comes from the generation whose CDS was sent', () => {
  const driver = new Driver('delta', [x, toX]);
  expect(driver.ask(clusterType)).toEqual(['Cluster x']);
  expect(driver.set([x, y, toY])).toEqual([]);
  driver.ask(routeType, ['r']);
  expect(driver.plans.get(routeType)?.resources).toEqual([toX]);
  expect(driver.answer(routeType)).toEqual([]);
  expect(driver.answer(clusterType)).toEqual(['Cluster y']);
  expect(driver.answer(clusterType)).toEqual(['RouteConfiguration r']);
  expect(driver.plans.get(routeType)?.resources).toEqual([toY]);
});

test('M2 past the deadline a route to a sent cluster goes out, one to an unsent cluster does not', () => {
  const driver = new Driver('delta', [x, toX]);
  driver.ask(clusterType);
  driver.answer(clusterType);
  driver.ask(routeType, ['r']);
  driver.answer(routeType);
  expect(driver.set([x, y, toY])).toEqual(['Cluster y']);
  expect(driver.wake).toBe(5_000);
  const z = make(clusterType, 'z', 'z1');
  expect(driver.set([x, y, z, make(routeType, 'r', 'to z', ['z'])])).toEqual([]);
  expect(driver.wait(60_000)).toEqual([]);
  expect(driver.answer(clusterType)).toEqual(['Cluster z', 'RouteConfiguration r']);
});

test('X92 endpoints of a cluster that is on its way out stay as long as the cluster', () => {
  const endpoints = make(endpointType, 'x', 'e1');
  const driver = new Driver('delta', [x, endpoints, toX]);
  driver.ask(clusterType);
  driver.ask(endpointType, ['x']);
  driver.ask(routeType, ['r']);
  for (const typeUrl of [clusterType, endpointType, routeType]) driver.answer(typeUrl);
  expect(driver.set([y, toY])).toEqual(['Cluster y']);
  expect(driver.answer(clusterType)).toEqual(['RouteConfiguration r']);
  expect(driver.answer(routeType)).toEqual([]);
  expect(driver.wake).toBe(5_000);
  expect(driver.wait(4_999)).toEqual([]);
  expect(driver.wait(1)).toEqual(['Cluster -x', 'ClusterLoadAssignment -x']);
});

test('X92 endpoints that go away while their cluster stays are removed at once', () => {
  const driver = new Driver('delta', [x, make(endpointType, 'x', 'e1')]);
  driver.ask(clusterType);
  driver.ask(endpointType, ['x']);
  for (const typeUrl of [clusterType, endpointType]) driver.answer(typeUrl);
  expect(driver.set([x])).toEqual(['ClusterLoadAssignment -x']);
});

test('X92 X114 what a client came with stays beyond the deadline while something refers to it that this stream sent', () => {
  const withKey = createResource({
    typeUrl: clusterType,
    name: 'x',
    value: Buffer.from('with a key'),
    references: [{ typeUrl: secretType, name: 'k' }],
  });
  const driver = new Driver('delta', [withKey]);
  expect(driver.ask(clusterType)).toEqual(['Cluster x']);
  driver.answer(clusterType);
  expect(driver.ask(secretType, ['k'], { k: 'of an earlier stream' })).toEqual([]);
  expect(driver.wait(60_000)).toEqual([]);
  expect(driver.wake).toBe(Number.POSITIVE_INFINITY);
  expect(driver.set([x])).toEqual(['Cluster x']);
  expect(driver.answer(clusterType)).toEqual(['Secret -k']);
});

test('X92 what was on its way when it was given up and asked for again counts as held: what it refers to stays', () => {
  const old = make(listenerType, 'l', 'to x', ['x']);
  const driver = new Driver('delta', [x, old]);
  driver.ask(clusterType);
  driver.answer(clusterType);
  expect(driver.ask(listenerType, ['l'])).toEqual(['Listener l']);
  const change = (subscribe: readonly string[], unsubscribe: readonly string[]) => {
    const request = { nonce: '', error: undefined, subscribe, unsubscribe, initialVersions: new Map<string, string>() };
    driver.state = stepDelta(driver.state, listenerType, request, driver.now);
  };
  change([], ['l']);
  change(['l'], []);
  expect(driver.set([make(listenerType, 'l', 'bad')])).toEqual([]);
  // Here the client takes the first form.
  expect(driver.answer(listenerType)).toEqual(['Listener l']);
  expect(driver.answer(listenerType, 'Error adding/updating listener(s) l: REASON')).toEqual([]);
  expect(driver.wait(60_000)).toEqual([]);
});

test('section 5 point 5: after a reconnect a removal follows the first accepted LDS and RDS, and the grace', () => {
  const listener = make(listenerType, 'l', 'l1');
  const driver = new Driver('delta', [y, listener, toY]);
  expect(driver.ask(clusterType, [], { x: 'old', y: y.version })).toEqual([]);
  expect(driver.ask(endpointType, ['x'], { x: 'old' })).toEqual([]);
  expect(driver.ask(listenerType)).toEqual(['Listener l']);
  expect(driver.ask(routeType, ['r'])).toEqual(['RouteConfiguration r']);
  driver.answer(listenerType);
  driver.wait(1_000);
  expect(driver.answer(routeType)).toEqual([]);
  expect(driver.wake).toBe(6_000);
  expect(driver.wait(5_000)).toEqual(['Cluster -x', 'ClusterLoadAssignment -x']);
});

test('X62 ten idle minutes, 0 messages', () => {
  const driver = new Driver('delta', [x, toX]);
  driver.ask(clusterType);
  driver.answer(clusterType);
  for (let minute = 0; minute < 10; minute += 1) {
    expect(driver.wait(60_000)).toEqual([]);
    expect(driver.set([x, toX])).toEqual([]);
    expect(driver.wake).toBe(Number.POSITIVE_INFINITY);
  }
});

test('X19 EDS is split at 3.5 MiB, each part after the ACK of the one before; a first CDS never', () => {
  const mebibyte = Buffer.alloc(1024 * 1024, 1);
  const names = ['a', 'b', 'c', 'd', 'e'];
  const big = (typeUrl: string) =>
    names.map((name) => make(typeUrl, name, Buffer.concat([mebibyte, Buffer.from(name)])));
  const driver = new Driver('delta', [...big(endpointType), ...big(clusterType)]);
  expect(driver.ask(endpointType, names)).toEqual(['ClusterLoadAssignment a b c']);
  expect(driver.answer(endpointType)).toEqual(['ClusterLoadAssignment d e']);
  expect(driver.ask(clusterType)).toEqual(['Cluster a b c d e']);
});

test('X32 X31 SotW: two instances with shuffled inputs give equal versions', () => {
  const content = [x, y, make(clusterType, 'z', 'z1')];
  const versions = [content, [...content].reverse()].map((order) => {
    const driver = new Driver('sotw', order);
    const request = { nonce: '', version: '', error: undefined, names: [] };
    driver.state = stepSotw(driver.state, clusterType, request, 0).state;
    driver.run();
    return driver.plans.get(clusterType)?.version;
  });
  expect(versions[0]).toBe(versions[1]);
});
