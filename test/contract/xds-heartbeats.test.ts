import { describe, expect, test } from 'vitest';
import { content, ScriptedClient } from '../support/xds-scripted-client.ts';

/** The third of the life of what ends in `!`. */
const third = 4_000;

/** Whoever does not hear of it in time forgets it (X108), whatever happened before. */
describe.each(['delta', 'sotw'] as const)('a client of %s that understands a TTL', (variant) => {
  const connect = () => new ScriptedClient(variant, { ttl: true });
  /** What a wildcard hears in each third: whole sets in SotW. */
  const hears = (client: ScriptedClient, type: 'CDS' | 'EDS', words: string) => {
    const said = variant === 'sotw' && type === 'CDS' ? `${type} ${words}` : `${type} heartbeat ${words}`;
    for (let beat = 0; beat < 3; beat += 1) {
      expect(client.wait(third)).toEqual([said]);
      expect(client.ack(type)).toEqual([]);
    }
  };

  test('X70 X34 X108 that comes back with what is current is told of it all the same', () => {
    const client = connect();
    client.set({ CDS: 'a=1!' });
    client.ask('CDS', []);
    client.ack('CDS');
    expect(client.reconnect()).toEqual([variant === 'delta' ? 'CDS heartbeat a=1!' : 'CDS a=1!']);
    client.ack('CDS');
    hears(client, 'CDS', 'a=1!');
    // What has no TTL is spared.
    const other = connect();
    other.set({ CDS: 'a=1' });
    other.ask('CDS', []);
    other.ack('CDS');
    expect(other.reconnect()).toEqual([]);
  });

  test.each(['CDS', 'EDS'] as const)(
    'X44 X108 of %s that refuses a form without TTL hears of the one that it keeps',
    (type) => {
      const client = connect();
      client.set({ [type]: 'a=1!' });
      client.ask(type, type === 'CDS' ? [] : ['a']);
      client.ack(type);
      expect(client.set({ [type]: 'a=bad' })).toEqual([`${type} a=bad`]);
      const told = client.nack(type, 'no');
      // At once, since nobody knows when it heard of it last.
      expect(told).toEqual([variant === 'sotw' && type === 'CDS' ? 'CDS a=1!' : `${type} heartbeat a=1!`]);
      client.ack(type);
      hears(client, type, 'a=1!');
      expect(client.set({ [type]: 'a=2' })).toEqual([`${type} a=2`]);
      client.ack(type);
      expect(client.wait(60_000)).toEqual([]);
    },
  );

  test('M5 X108 that refuses a removal hears of what it keeps', () => {
    const client = connect();
    client.set({ CDS: 'a=1! b=1' });
    client.ask('CDS', []);
    client.ack('CDS');
    client.set({ CDS: 'b=1' });
    const told: string[] = [];
    for (let step = 0; step < 10 && !told.includes(variant === 'delta' ? 'CDS -a' : 'CDS b=1'); step += 1) {
      if (told.length > 0) client.ack('CDS');
      told.push(...client.wait(1_000));
    }
    expect(told.at(-1)).toBe(variant === 'delta' ? 'CDS -a' : 'CDS b=1');
    const beat = variant === 'delta' ? 'CDS heartbeat a=1!' : 'CDS a=1! b=1';
    expect(client.nack('CDS', 'it is in use')).toEqual([beat]);
    expect(client.ack('CDS')).toEqual([]);
    expect(client.wait(third)).toEqual([beat]);
  });

  test('X106 that does not understand it is told of no TTL, and no more often', () => {
    const client = new ScriptedClient(variant);
    client.set({ CDS: 'a=1!' });
    client.ask('CDS', []);
    client.ack('CDS');
    client.set({ CDS: 'a=bad' });
    expect(client.nack('CDS', 'no')).toEqual([]);
    expect(client.wait(60_000)).toEqual([]);
    expect(content({ CDS: 'a=1!' })[0]?.ttl).toBe(3 * third);
  });
});
