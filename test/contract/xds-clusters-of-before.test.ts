import { describe, expect, test } from 'vitest';
import { ScriptedClient } from '../support/xds-scripted-client.ts';

/** A client of all clusters and the route `r`, which took these. */
function settled(variant: 'delta' | 'sotw', lines: Parameters<ScriptedClient['set']>[0]): ScriptedClient {
  const client = new ScriptedClient(variant);
  client.set(lines);
  client.ask('CDS', []);
  client.ask('LDS', []);
  client.ask('RDS', ['r']);
  client.ack('CDS');
  client.ack('LDS');
  client.ack('RDS');
  return client;
}

/*
 * Section 5, point 5: reconnect is no shortcut. A SotW client cannot say what it holds; the version of its set says it, where the view had
 * that set not long ago.
 */
describe.each(['delta', 'sotw'] as const)('a client of %s that comes back after a cluster went', (variant) => {
  const isDelta = variant === 'delta';

  test('X71 X92 keeps the cluster until it has taken the new routes, and for the grace', () => {
    const client = settled(variant, { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=1', LDS: 'l=1', RDS: 'r=2>y' });
    // The set is the one that it has (X34).
    expect(client.reconnect()).toEqual(isDelta ? ['RDS r=2'] : ['RDS r=2']);
    // In delta nothing is told of listeners, so that no answer of theirs can come before the deadline.
    expect(client.wait(isDelta ? 5_000 : 60_000)).toEqual([]);
    client.ack('RDS');
    expect(client.wait(4_999)).toEqual([]);
    expect(client.wait(1)).toEqual(isDelta ? ['CDS -x'] : ['CDS y=1']);
    client.ack('CDS');
    expect(client.wait(3_600_000)).toEqual([]);
  });

  test('X71 the deadline ends it where nobody takes routes', () => {
    const client = settled(variant, { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=1', LDS: 'l=1', RDS: 'r=2>y' });
    client.reconnect();
    expect(client.wait(5_000)).toEqual([]);
    expect(client.wait(4_999)).toEqual([]);
    expect(client.wait(1)).toEqual(isDelta ? ['CDS -x'] : ['CDS y=1']);
  });

  test('X71 another cluster is told, and the one that went stays beside it', () => {
    const client = settled(variant, { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=2 z=1', LDS: 'l=1', RDS: 'r=2>z' });
    expect(client.reconnect()[0]).toBe(isDelta ? 'CDS y=2 z=1' : 'CDS x=1 y=2 z=1');
    client.ack('CDS');
    client.ack('RDS');
    expect([...client.wait(5_000), ...client.wait(5_000)]).toEqual(isDelta ? ['CDS -x'] : ['CDS y=2 z=1']);
    client.ack('CDS');
    expect(client.wait(3_600_000)).toEqual([]);
  });

  test('X71 a set with a cluster that was on its way out is known, too', () => {
    const client = settled(variant, { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=2', LDS: 'l=1', RDS: 'r=2>y' });
    // It takes y in its new form, and x beside it in SotW.
    client.ack('CDS');
    client.set({ CDS: 'y=3', LDS: 'l=1', RDS: 'r=2>y' });
    expect(client.reconnect()[0]).toBe(isDelta ? 'CDS y=3' : 'CDS x=1 y=3');
  });

  test('X71 a cluster that came back is no thing of the past', () => {
    const client = settled(variant, { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=1', LDS: 'l=1', RDS: 'r=1>x' });
    client.set({ CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
    expect(client.reconnect()).toEqual(isDelta ? [] : ['RDS r=1']);
    expect(client.wait(3_600_000)).toEqual([]);
  });
});

test('X71 a cluster that changed and went while the client was away stays as the client has it', () => {
  const client = settled('sotw', { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
  client.set({ CDS: 'x=2 y=1', LDS: 'l=1', RDS: 'r=1>x' });
  client.set({ CDS: 'y=2', LDS: 'l=1', RDS: 'r=2>y' });
  expect(client.reconnect()[0]).toBe('CDS x=1 y=2');
});

test('X71 X52 a cluster that came and went while the client was away is not told', () => {
  const client = settled('sotw', { CDS: 'y=1', LDS: 'l=1', RDS: 'r=1>y' });
  client.set({ CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>y' });
  client.set({ CDS: 'y=2', LDS: 'l=1', RDS: 'r=1>y' });
  expect(client.reconnect()[0]).toBe('CDS y=2');
});

test('X51 a SotW client with the version of a set that nobody remembers is told what there is', () => {
  const client = settled('sotw', { CDS: 'x=1 y=1', LDS: 'l=1', RDS: 'r=1>x' });
  for (let round = 0; round < 17; round += 1) client.set({ CDS: `y=${round}`, LDS: 'l=1', RDS: 'r=2>y' });
  expect(client.reconnect()[0]).toBe('CDS y=16');
});

test('X51 more clusters than are remembered went at once: the client is told what there is', () => {
  const many = Array.from({ length: 257 }, (_, index) => `c${index}=1`).join(' ');
  const client = settled('sotw', { CDS: `${many} y=1`, LDS: 'l=1', RDS: 'r=1>y' });
  client.set({ CDS: 'y=1', LDS: 'l=1', RDS: 'r=1>y' });
  expect(client.reconnect()[0]).toBe('CDS y=1');
});
