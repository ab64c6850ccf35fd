import { describe, expect, test } from 'vitest';
import { createLayer, type Layer } from '../../src/xds/layer.ts';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { nextResponse, openStream, stepSotw } from '../../src/xds/stream-state.ts';
import { subscriptionOf } from '../../src/xds/subscription-of.ts';
import { nobodyNamed } from '../support/refusing-set-client.ts';
import { ScriptedClient } from '../support/xds-scripted-client.ts';
import { countingSeal, noQuarantine } from '../support/xds-world.ts';

const life = 12_000;
const timing = { hold: 5_000, grace: 5_000 };

/** A SotW client of clusters that understands a TTL. A word that ends in `!` has one. */
function start(version = '') {
  let state = openStream('sotw', { ttl: true });
  let layer: Layer = createLayer([]);
  let generation = 0;
  let now = 0;
  let last = { nonce: '', version };
  let wake = Number.POSITIVE_INFINITY;
  const run = (): readonly string[] => {
    const snapshot = { generation, commit: '', layers: [layer] };
    const next = nextResponse(state, { snapshot, now, timing, seal: countingSeal, quarantine: noQuarantine });
    ({ state, wake } = next);
    if (next.plan === undefined) return [];
    last = { nonce: next.plan.nonce, version: next.plan.version };
    return next.plan.resources.map(({ value }) => Buffer.from(value).toString()).sort();
  };
  const say = (error: string | undefined) => {
    state = stepSotw(state, clusterType, { ...last, error, names: [] }, now).state;
    return run();
  };
  return {
    wake: () => wake,
    beats: () => [...(subscriptionOf(state, clusterType)?.heartbeats.keys() ?? [])].sort(),
    set(words: string) {
      const resources = words.split(' ').map((word) => {
        const [name = ''] = word.split('=');
        const fields = { typeUrl: clusterType, name, value: Buffer.from(word), references: [] };
        return createResource(word.endsWith('!') ? { ...fields, ttl: life } : fields);
      });
      layer = createLayer(resources, layer);
      generation += 1;
      return run();
    },
    ask: () => say(undefined),
    ack: () => say(undefined),
    nack: (text = nobodyNamed) => say(text),
    wait(milliseconds: number) {
      now += milliseconds;
      return run();
    },
  };
}

describe('suspects with a TTL (X108, M3)', () => {
  test('X108 M3 of what is suspected only what the client held with a TTL is heard of again', () => {
    const client = start();
    client.set('a=1! b=1 c=1!');
    client.ask();
    expect(client.beats()).toEqual(['a', 'c']);
    client.ack();
    expect(client.set('a=2 b=bad! c=1! d=1!')).toEqual(['a=2', 'b=bad!', 'c=1!', 'd=1!']);
    // What was refused is a with no TTL, b and d with one: the client holds a with one still, and the others not.
    expect(client.nack()).toEqual(['a=2', 'b=bad!', 'c=1!']);
    expect(client.beats()).toEqual(['b', 'c']);
    expect(client.nack()).toEqual(['a=2', 'b=1', 'c=1!']);
    expect(client.beats()).toEqual(['c']);
    expect(client.ack()).toEqual(['a=2', 'b=1', 'c=1!', 'd=1!']);
    expect(client.ack()).toEqual([]);
    expect(client.beats()).toEqual(['c', 'd']);
    expect(client.wait(life / 3)).toEqual(['a=2', 'b=1', 'c=1!', 'd=1!']);
  });

  test('X108 M3 while all stand, since the client may hold more than is known, no moment is due over and over', () => {
    const client = start('of another life');
    client.set('a=1! b=bad!');
    expect(client.ask()).toEqual(['a=1!', 'b=bad!']);
    expect([client.nack(), client.beats(), client.wake()]).toEqual([[], [], Number.POSITIVE_INFINITY]);
    const named = start('of another life');
    named.set('a=1! b=bad! c=1!');
    named.ask();
    expect(named.nack('Error adding/updating cluster(s) b: REASON')).toEqual([]);
    expect(named.beats()).toEqual(['a', 'c']);
    expect(named.wait(life / 3)).toEqual([]);
    expect([named.wait(1), named.beats(), named.wake()]).toEqual([[], [], Number.POSITIVE_INFINITY]);
    expect(named.set('a=1! b=2! c=1!')).toEqual(['a=1!', 'b=2!', 'c=1!']);
    expect(named.beats()).toEqual(['a', 'b', 'c']);
  });
});

test('M3 X48 what was on its way when the wildcard began has no known form, and stands in no set while it is suspected', () => {
  const client = new ScriptedClient('sotw');
  client.set({ CDS: 'a=1 b=1 c=1' });
  client.ask('CDS', ['a']);
  client.ack('CDS');
  // c is on its way, given up, and asked for again with everything else.
  expect(client.ask('CDS', ['a', 'c'])).toEqual(['CDS a=1 c=1']);
  client.ask('CDS', ['a']);
  client.ask('CDS', ['*', 'a']);
  expect(client.ack('CDS')).toEqual(['CDS a=1 b=1 c=1']);
  expect(client.nack('CDS', nobodyNamed)).toEqual(['CDS a=1 b=1']);
  // That c is missing there is no removal that might be to blame: it is b.
  expect(client.nack('CDS', nobodyNamed)).toEqual(['CDS a=1 c=1']);
  expect([...(subscriptionOf(client.state, clusterType)?.refused.keys() ?? [])]).toEqual(['b']);
});
