import fc from 'fast-check';
import { test } from 'vitest';
import { createLayer, type Layer, resourcesOf } from '../../src/xds/layer.ts';
import { entriesOf } from '../../src/xds/persistent-map.ts';
import type { Plan } from '../../src/xds/plan.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { lookup, namesOf, type Snapshot } from '../../src/xds/snapshot.ts';
import { nextResponse, openStream, type StreamState, stepDelta, stepSotw } from '../../src/xds/stream-state.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { countingSeal, noQuarantine } from '../support/xds-world.ts';
import { isBad, modelResource, modelTypes, react } from './xds-client-model.ts';

const clusters = ['c0', 'c1', 'c2'];
const named: Readonly<Record<string, readonly string[]>> = { [endpointType]: clusters, [routeType]: ['r0', 'r1'] };
const timing = { hold: 5_000, grace: 5_000 };

type Content = readonly Resource[];
type Command =
  | { readonly kind: 'change'; readonly content: Content }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly typeUrl: string; readonly pick: number }
  | { readonly kind: 'answer'; readonly typeUrl: string; readonly whim: number }
  | { readonly kind: 'stale'; readonly typeUrl: string }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'reconnect' };

const mark = fc.integer({ min: 0, max: 3 });
const content: fc.Arbitrary<Content> = fc
  .record({
    clusters: fc.tuple(mark, mark, mark),
    endpoints: fc.tuple(mark, mark, mark),
    listeners: fc.tuple(mark, mark),
    routes: fc.tuple(mark, mark),
    targets: fc.tuple(fc.nat(2), fc.nat(2)),
  })
  .map((marks) => {
    // A mark of 0 means: not there. A route refers only to a cluster that exists, as translate sees to.
    const of = (typeUrl: string, names: readonly string[], all: readonly number[]) =>
      names.flatMap((name, index) => {
        const value = all[index] ?? 0;
        return value === 0 ? [] : [modelResource(typeUrl, name, value)];
      });
    const existing = clusters.filter((_, index) => marks.clusters[index] !== 0);
    const routes = ['r0', 'r1'].flatMap((name, index) => {
      const value = marks.routes[index] ?? 0;
      const to = existing[(marks.targets[index] ?? 0) % Math.max(1, existing.length)];
      return value === 0 ? [] : [modelResource(routeType, name, value, to === undefined ? [] : [to])];
    });
    return [
      ...of(clusterType, clusters, marks.clusters),
      ...of(endpointType, clusters, marks.endpoints),
      ...of(listenerType, ['l0', 'l1'], marks.listeners),
      ...routes,
    ];
  });

const anyType = fc.constantFrom(...modelTypes);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: content.map((value): Command => ({ kind: 'change', content: value })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
      typeUrl: fc.constantFrom(endpointType, routeType),
      pick: fc.nat(2),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), typeUrl: anyType, whim: fc.nat(15) }),
  },
  { weight: 1, arbitrary: anyType.map((typeUrl): Command => ({ kind: 'stale', typeUrl })) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(100, 4_000, 6_000).map((milliseconds): Command => ({ kind: 'wait', milliseconds })),
  },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'reconnect' }) },
);

/** A client and the server's state for it, driven by commands; every response is checked as it is made. */
class Model {
  readonly variant: Variant;
  state: StreamState;
  layer: Layer = createLayer([]);
  snapshot: Snapshot = { generation: 0, commit: '', layers: [this.layer] };
  now = 0;
  streams = 0;
  readonly cache = new Map<string, Map<string, Resource>>(modelTypes.map((typeUrl) => [typeUrl, new Map()]));
  readonly wanted = new Map<string, Set<string>>([
    [endpointType, new Set()],
    [routeType, new Set()],
  ]);
  outstanding = new Map<string, Plan>();
  nonces = new Set<string>();
  lastNonce = new Map<string, string>();
  /** What the client refused for certain, as `type name version`, on this stream. */
  refused = new Set<string>();
  /** Names that may be sent although the client has them: X69, X75, X87. */
  excused = new Set<string>();
  /** What the client acknowledged on this stream, `type name` → version; a removal as `gone`. */
  acked = new Map<string, string>();
  /** Clusters that the client would not take: no order can help a route to them. */
  readonly everRefused = new Set<string>();
  /** Clusters sent on this stream and not removed. */
  sentClusters = new Set<string>();

  constructor(variant: Variant) {
    this.variant = variant;
    this.state = openStream(variant);
  }

  connect(): void {
    this.streams += 1;
    this.state = openStream(this.variant);
    this.nonces = new Set();
    this.outstanding = new Map();
    this.lastNonce = new Map();
    this.refused = new Set();
    this.excused = new Set();
    this.acked = new Map();
    this.sentClusters = new Set(this.cache.get(clusterType)?.keys());
    for (const typeUrl of modelTypes) {
      const names = [...(this.wanted.get(typeUrl) ?? [])];
      for (const name of names) this.excused.add(`${typeUrl} ${name}`);
      const held = [...(this.cache.get(typeUrl) ?? [])].map(([name, { version }]) => [name, version] as const);
      if (this.variant === 'delta') this.request(typeUrl, '', names, [], undefined, new Map(held));
      else this.requestSotw(typeUrl, '', undefined);
    }
  }

  request(
    typeUrl: string,
    nonce: string,
    subscribe: readonly string[],
    unsubscribe: readonly string[],
    error?: string,
    initialVersions: ReadonlyMap<string, string> = new Map(),
  ): void {
    this.state = stepDelta(this.state, typeUrl, { nonce, error, subscribe, unsubscribe, initialVersions }, this.now);
    this.drain();
  }

  requestSotw(typeUrl: string, nonce: string, error: string | undefined): void {
    const names = [...(this.wanted.get(typeUrl) ?? [])];
    const { state, stale } = stepSotw(this.state, typeUrl, { nonce, version: '', error, names }, this.now);
    this.state = state;
    if (!stale) this.drain();
  }

  drain(): void {
    for (let count = 0; ; count += 1) {
      if (count > 100) throw new Error('the server does not stop sending');
      const { state, plan } = nextResponse(this.state, {
        snapshot: this.snapshot,
        now: this.now,
        timing,
        seal: countingSeal,
        quarantine: noQuarantine,
      });
      this.state = state;
      if (plan === undefined) return;
      this.check(plan);
      this.outstanding.set(plan.typeUrl, plan);
      this.lastNonce.set(plan.typeUrl, plan.nonce);
    }
  }

  check(plan: Plan): void {
    const { typeUrl, nonce, resources, removed } = plan;
    const fail = (what: string): never => {
      throw new Error(`${what}: ${typeUrl} ${resources.map((resource) => resource.name)} -${removed}`);
    };
    if (this.outstanding.has(typeUrl)) fail('INV10 two responses in flight');
    if (this.nonces.has(nonce) || nonce === '' || plan.version === '') fail('INV5 nonce or version');
    this.nonces.add(nonce);
    const names = [...resources.map(({ name }) => name), ...removed];
    if (new Set(names).size < names.length) fail('INV5 a name twice');
    const whole = this.variant === 'sotw' && (typeUrl === clusterType || typeUrl === listenerType);
    for (const resource of resources) {
      const key = `${typeUrl} ${resource.name}`;
      if (resource.typeUrl !== typeUrl) fail('INV5 type');
      if (this.refused.has(`${key} ${resource.version}`)) fail('INV6 refused content again');
      if (whole) continue;
      if (this.acked.get(key) === resource.version && !this.excused.has(key)) fail('INV2 what the client has');
      const wanted = this.wanted.get(typeUrl);
      if (wanted !== undefined && !wanted.has(resource.name) && !this.excused.has(key)) fail('INV4 not subscribed');
    }
    for (const name of removed) {
      const key = `${typeUrl} ${name}`;
      if (this.acked.get(key) === 'gone' && !this.excused.has(key)) fail('INV2 removed again');
    }
    for (const name of names) this.excused.delete(`${typeUrl} ${name}`);
    if (typeUrl !== clusterType) return;
    if (whole) this.sentClusters = new Set(names);
    for (const resource of resources) {
      this.sentClusters.add(resource.name);
      this.excused.add(`${endpointType} ${resource.name}`);
    }
    for (const name of removed) this.sentClusters.delete(name);
    this.checkReferences();
  }

  answer(typeUrl: string, whim: number): void {
    const plan = this.outstanding.get(typeUrl);
    if (plan === undefined) return;
    this.outstanding.delete(typeUrl);
    const { error, applied: taken, removed, setApplied } = react(plan, whim);
    const wanted = this.wanted.get(typeUrl);
    const applied = taken.filter(({ name }) => wanted?.has(name) ?? true);
    const cache = this.cache.get(typeUrl) ?? new Map<string, Resource>();
    const whole = this.variant === 'sotw' && (typeUrl === clusterType || typeUrl === listenerType);
    if (whole && setApplied)
      for (const name of cache.keys())
        if (!plan.resources.some((resource) => resource.name === name)) cache.delete(name);
    for (const resource of applied) cache.set(resource.name, resource);
    for (const name of removed) cache.delete(name);
    if (error === undefined) {
      for (const { name, version } of applied) this.acked.set(`${typeUrl} ${name}`, version);
      for (const name of removed) this.acked.set(`${typeUrl} ${name}`, 'gone');
    } else {
      const culprits = plan.resources.filter(
        (resource) =>
          isBad(resource) &&
          (plan.resources.length === 1 ||
            error.includes(`${resource.name}: R`) ||
            error.includes(`"${resource.name}"`)),
      );
      if (typeUrl === clusterType) for (const { name } of plan.resources.filter(isBad)) this.everRefused.add(name);
      for (const { name, version } of culprits) this.refused.add(`${typeUrl} ${name} ${version}`);
      for (const name of [...plan.resources.map((resource) => resource.name), ...plan.removed])
        this.acked.delete(`${typeUrl} ${name}`);
    }
    this.checkReferences();
    if (this.variant === 'delta') this.request(typeUrl, plan.nonce, [], [], error);
    else this.requestSotw(typeUrl, plan.nonce, error);
  }

  /** INV8: routes accepted on this stream refer to clusters that were sent and not removed. */
  checkReferences(): void {
    for (const { name, version, references } of this.cache.get(routeType)?.values() ?? [])
      for (const reference of references)
        if (
          this.acked.get(`${routeType} ${name}`) === version &&
          !this.sentClusters.has(reference.name) &&
          !this.everRefused.has(reference.name)
        )
          throw new Error(`INV8: route ${name} refers to ${reference.name}, which the client does not have`);
  }

  run(step: Command): void {
    switch (step.kind) {
      case 'change':
        this.layer = createLayer(step.content, this.layer);
        this.snapshot = { generation: this.snapshot.generation + 1, commit: '', layers: [this.layer] };
        this.drain();
        return;
      case 'subscribe':
      case 'unsubscribe': {
        const name = named[step.typeUrl]?.[step.pick] ?? 'r0';
        if (step.kind === 'subscribe') this.wanted.get(step.typeUrl)?.add(name);
        else {
          this.wanted.get(step.typeUrl)?.delete(name);
          this.cache.get(step.typeUrl)?.delete(name);
        }
        this.excused.add(`${step.typeUrl} ${name}`);
        this.acked.delete(`${step.typeUrl} ${name}`);
        if (this.variant === 'sotw') this.requestSotw(step.typeUrl, this.lastAnswered(step.typeUrl), undefined);
        else if (step.kind === 'subscribe') this.request(step.typeUrl, '', [name], []);
        else this.request(step.typeUrl, '', [], [name]);
        return;
      }
      case 'answer':
        this.answer(step.typeUrl, step.whim);
        return;
      case 'stale':
        this.stale(step.typeUrl);
        return;
      case 'wait':
        this.now += step.milliseconds;
        this.drain();
        return;
      case 'reconnect':
        this.connect();
        return;
      default:
        step satisfies never;
    }
  }

  /** The nonce a SotW client would use now: of the response it handled last; here always a stale or empty one. */
  lastAnswered(typeUrl: string): string {
    return this.outstanding.has(typeUrl) ? '' : (this.lastNonce.get(typeUrl) ?? '');
  }

  /** INV3: a stale SotW request changes nothing that is visible. */
  stale(typeUrl: string): void {
    if (this.variant === 'delta' || !this.lastNonce.has(typeUrl)) return;
    const before = this.nonces.size;
    this.requestSotw(typeUrl, 'of another life', undefined);
    if (this.nonces.size !== before) throw new Error('INV3: a stale request was answered');
  }

  /** Lets everything come to rest: all answered, all times passed. */
  settle(): void {
    for (let round = 0; round < 200; round += 1) {
      this.drain();
      if (this.outstanding.size === 0) {
        if (round > 50) return;
        this.now += 6_000;
      }
      for (const typeUrl of [...this.outstanding.keys()]) this.answer(typeUrl, round);
    }
    throw new Error('INV1: does not come to rest');
  }

  /** INV1: the cache is the view, but for what the client refuses. */
  checkConvergence(): void {
    const { layers } = this.snapshot;
    for (const typeUrl of modelTypes) {
      const cache = this.cache.get(typeUrl) ?? new Map<string, Resource>();
      const names = this.wanted.get(typeUrl) ?? new Set([...namesOf(layers, typeUrl), ...cache.keys()]);
      for (const name of names) {
        const next = lookup(layers, typeUrl, name);
        const held = cache.get(name);
        // SotW: absence deletes nothing (X52), and a set that lacks a refused resource is not sent for its own sake.
        const mayStay = this.variant === 'sotw' && (this.wanted.has(typeUrl) || this.viewHasBad(typeUrl));
        if (
          next === undefined
            ? held !== undefined && !mayStay && !this.isInUse(typeUrl, name)
            : !isBad(next) && held?.version !== next.version && !this.refersToBad(next)
        )
          throw new Error(`INV1: ${typeUrl} ${name} is ${held?.version}, should be ${next?.version}`);
      }
    }
  }

  viewHasBad(typeUrl: string): boolean {
    return [...entriesOf(resourcesOf(this.layer, typeUrl))].some(([, resource]) => isBad(resource));
  }

  /** A removed cluster stays, with its endpoints, while the client routes to it because it refused the newer route. */
  isInUse(typeUrl: string, name: string): boolean {
    if (typeUrl !== clusterType && typeUrl !== endpointType) return false;
    return [...(this.cache.get(routeType)?.values() ?? [])].some((route) =>
      route.references.some((reference) => reference.name === name),
    );
  }

  /** A route to a cluster that the client refuses for good. */
  refersToBad(resource: Resource): boolean {
    return resource.references.some(({ name }) => {
      const to = lookup(this.snapshot.layers, clusterType, name);
      return to !== undefined && isBad(to);
    });
  }
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`INV1 INV2 INV3 INV4 INV5 INV6 INV8 INV10 hold for any history over ${variant}`, () => {
    fc.assert(
      fc.property(content, fc.array(command, { maxLength: 60 }), (first, commands) => {
        const model = new Model(variant);
        model.run({ kind: 'change', content: first });
        model.connect();
        for (const step of commands) model.run(step);
        model.settle();
        model.checkConvergence();
      }),
      { numRuns: 1_500 },
    );
  });
}
