import { expect, test } from 'vitest';
import { createLayer, type Layer, updateLayer } from '../../src/xds/layer.ts';
import type { Plan } from '../../src/xds/plan.ts';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { createSeal } from '../../src/xds/seal.ts';
import { nextResponse, openStream, type StreamState, stepDelta, stepSotw } from '../../src/xds/stream-state.ts';
import { countWork } from '../support/work-counter.ts';
import { noQuarantine } from '../support/xds-world.ts';

const make = (typeUrl: string, name: string, text: string) =>
  createResource({ typeUrl, name, value: Buffer.from(text), ...(typeUrl === clusterType ? { edsName: name } : {}) });
const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `s${index}`);
const none = new Map<string, string>();

/** A stream that holds so many resources of a type, all acknowledged; `own` names: not the list of the whole layer. */
class Holder {
  readonly typeUrl: string;
  readonly variant: 'delta' | 'sotw';
  layer: Layer;
  state: StreamState;
  plan: Plan | undefined;
  readonly #seal = createSeal('me', 0);

  constructor(typeUrl: string, variant: 'delta' | 'sotw', count: number, own: boolean) {
    this.typeUrl = typeUrl;
    this.variant = variant;
    const names = namesOf(count);
    // With names of its own the stream cannot share its list of names with the layer.
    const subscribed = typeUrl === clusterType ? [] : own ? [...names, 'mine'] : names;
    this.layer = createLayer(names.map((name) => make(typeUrl, name, `${name} 1`)));
    this.state = openStream(variant);
    const first = { nonce: '', error: undefined, names: subscribed, version: '' };
    if (variant === 'sotw') this.state = stepSotw(this.state, typeUrl, first, 0).state;
    else {
      const request = { ...first, subscribe: subscribed, unsubscribe: [], initialVersions: none };
      this.state = stepDelta(this.state, typeUrl, request, 0);
    }
    this.respond();
    // The answer was split (X19) or not: in any case everything is acknowledged before anything is measured.
    for (let rest = 100; this.plan !== undefined && rest > 0; rest -= 1) {
      this.acknowledge();
      this.respond();
    }
  }

  respond(): void {
    const snapshot = { generation: 1, commit: '', layers: [this.layer] };
    const timing = { hold: 5_000, grace: 5_000 };
    const world = { snapshot, now: 0, timing, seal: this.#seal, quarantine: noQuarantine };
    const next = nextResponse(this.state, world);
    this.state = next.state;
    this.plan = next.plan;
  }

  acknowledge(): void {
    const nonce = this.plan?.nonce ?? '';
    if (this.variant === 'sotw') {
      const request = { nonce, error: undefined, names: [], version: this.plan?.version ?? '' };
      this.state = stepSotw(this.state, this.typeUrl, request, 0).state;
      return;
    }
    const request = { nonce, error: undefined, subscribe: [], unsubscribe: [], initialVersions: none };
    this.state = stepDelta(this.state, this.typeUrl, request, 0);
  }

  /** One resource gets new content. */
  change(text: string): void {
    this.layer = updateLayer(this.layer, { set: [make(this.typeUrl, 's7', text)] });
  }
}

/** The work of a push of one change, and that of its ACK with the look for what else is owed. */
function costs(typeUrl: string, variant: 'delta' | 'sotw', count: number, own: boolean) {
  const holder = new Holder(typeUrl, variant, count, own);
  const pushes: number[] = [];
  const acks: number[] = [];
  for (const text of ['2', '3', '4', '5']) {
    holder.change(text);
    pushes.push(countWork(() => holder.respond()));
    expect(holder.plan?.resources.length).toBeGreaterThan(0);
    acks.push(
      countWork(() => {
        holder.acknowledge();
        holder.respond();
      }),
    );
    expect(holder.plan).toBeUndefined();
  }
  return { push: Math.max(...pushes), ack: Math.max(...acks) };
}

test('the counter counts lookups, visits and copies', () => {
  const map = new Map(namesOf(1000).map((name) => [name, true]));
  expect(countWork(() => map.get('s1'))).toBe(1);
  expect(countWork(() => new Map(map))).toBeGreaterThan(1000);
  expect(countWork(() => [...map.keys()])).toBeGreaterThan(1000);
  expect(countWork(() => new Set(map.keys()).has('s1'))).toBeGreaterThan(1000);
  expect(countWork(() => undefined)).toBe(0);
});

test.each([
  ['endpoints, the names of the whole layer', endpointType, 'delta', false],
  ['endpoints, names of its own', endpointType, 'delta', true],
  ['clusters, a wildcard', clusterType, 'delta', false],
] as const)(
  'X78 a push of one change, and its ACK, cost the same with 10,000 resources as with 10: %s',
  (_, typeUrl, variant, own) => {
    const [few, many] = [costs(typeUrl, variant, 10, own), costs(typeUrl, variant, 10_000, own)];
    console.log(`push ${few.push} and ${many.push}, ACK ${few.ack} and ${many.ack} lookups`);
    expect(many.push).toBeLessThanOrEqual(few.push + 10);
    expect(many.push).toBeLessThan(200);
    expect(many.ack).toBeLessThanOrEqual(few.ack + 5);
    expect(many.ack).toBeLessThan(100);
  },
);

test('X51 a SotW wildcard says the whole set, but its ACK costs the same with 10,000 clusters as with 10', () => {
  const [few, many] = [costs(clusterType, 'sotw', 10, false), costs(clusterType, 'sotw', 10_000, false)];
  console.log(`ACK ${few.ack} and ${many.ack} lookups`);
  expect(many.ack).toBeLessThanOrEqual(few.ack + 5);
  expect(many.ack).toBeLessThan(100);
});
