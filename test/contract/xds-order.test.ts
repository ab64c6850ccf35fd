import { describe, expect, test } from 'vitest';
import type { Variant } from '../../src/xds/subscription.ts';
import { ScriptedClient } from '../support/xds-scripted-client.ts';

/** What is told: the same in both variants, or what each of them says instead. */
type Told = readonly string[] | Readonly<Record<Variant, readonly string[]>>;

describe.each(['delta', 'sotw'] as const)('make before break in %s', (variant) => {
  const connect = () => new ScriptedClient(variant);
  /** A client of all clusters and the route `r`, which has acknowledged these. */
  const settled = (lines: Parameters<ScriptedClient['set']>[0]) => {
    const client = connect();
    client.set(lines);
    client.ask('CDS', []);
    client.ask('RDS', ['r']);
    client.ack('CDS');
    client.ack('RDS');
    return client;
  };
  const says = (told: readonly string[], expected: Told) =>
    expect(told).toEqual('delta' in expected ? expected[variant] : expected);

  test('X91 a route to a new cluster is held until the cluster is confirmed', () => {
    const client = settled({ CDS: 'x=1', RDS: 'r=1>x' });
    says(client.set({ CDS: 'x=1 y=1', RDS: 'r=2>y' }), { delta: ['CDS y=1'], sotw: ['CDS x=1 y=1'] });
    expect(client.wake).toBe(5_000);
    says(client.ack('CDS'), ['RDS r=2']);
  });

  test('M2 a held route goes out at the deadline', () => {
    const client = settled({ CDS: 'x=1', RDS: 'r=1>x' });
    client.set({ CDS: 'x=1 y=1', RDS: 'r=2>y' });
    says(client.wait(4_999), []);
    says(client.wait(1), ['RDS r=2']);
  });

  test('X44 M1 a cluster that was refused keeps no first answer back', () => {
    const client = connect();
    client.set({ CDS: 'x=1 y=1', RDS: 'r=1>x,y' });
    client.ask('CDS', []);
    client.nack('CDS', 'Error adding/updating cluster(s) y: REASON');
    client.ack('CDS');
    says(client.ask('RDS', ['r']), ['RDS r=1']);
  });

  test('X44 M2 a route to a cluster that was refused waits for the deadline, and no longer', () => {
    const client = settled({ CDS: 'x=1', RDS: 'r=1>x' });
    client.set({ CDS: 'x=1 y=1', RDS: 'r=2>x,y' });
    client.nack('CDS', 'Error adding/updating cluster(s) y: REASON');
    client.ack('CDS');
    says(client.wait(4_999), []);
    says(client.wait(1), ['RDS r=2']);
  });

  test('X92 a cluster stays until nothing accepted refers to it, and for the grace', () => {
    const client = settled({ CDS: 'x=1 y=1', RDS: 'r=1>x' });
    says(client.set({ CDS: 'y=1', RDS: 'r=2>y' }), ['RDS r=2']);
    says(client.wait(60_000), []);
    says(client.ack('RDS'), []);
    says(client.wait(4_999), []);
    says(client.wait(1), { delta: ['CDS -x'], sotw: ['CDS y=1'] });
  });

  test('X92 a cluster stays while a form that is on its way refers to it, though the wildcard was given up meanwhile', () => {
    const client = connect();
    client.set({ CDS: 'x=1', LDS: 'l=1>x' });
    client.ask('CDS', ['*']);
    client.ack('CDS');
    says(client.ask('LDS', ['*']), ['LDS l=1']);
    client.ask('LDS', []);
    says(client.set({ CDS: '', LDS: 'l=2' }), []);
    says(client.ask('LDS', ['*']), []);
    says(client.wait(60_000), []);
    // It takes the first form, and hears of the newest; only then may the cluster go.
    says(client.ack('LDS'), ['LDS l=2']);
    says(client.wait(60_000), []);
    says(client.ack('LDS'), []);
    says(client.wait(5_000), { delta: ['CDS -x'], sotw: ['CDS'] });
  });

  test('X92 what stood unchanged in a set that is on its way is held again, though it was given up meanwhile', () => {
    const client = connect();
    client.set({ CDS: 'x=1', LDS: 'l=1>x' });
    client.ask('CDS', ['*']);
    client.ack('CDS');
    client.ask('LDS', ['*']);
    client.ack('LDS');
    says(client.set({ CDS: 'x=1', LDS: 'l=1>x m=1' }), { delta: ['LDS m=1'], sotw: ['LDS l=1 m=1'] });
    client.ask('LDS', []);
    client.set({ CDS: '', LDS: 'l=2' });
    client.ask('LDS', ['l']);
    // In delta it was forgotten, and is not on its way.
    says(client.wait(60_000), { delta: ['CDS -x'], sotw: [] });
    says(client.ack('LDS'), ['LDS l=2']);
    says(client.nack('LDS', 'no'), []);
    says(client.wait(60_000), []);
  });

  test('X92 a refused route keeps the cluster of the one before', () => {
    const client = settled({ CDS: 'x=1 y=1', RDS: 'r=1>x' });
    client.set({ CDS: 'y=1', RDS: 'r=2>y' });
    says(client.nack('RDS', 'no'), []);
    says(client.wait(3_600_000), []);
  });

  test('X93 a route that was told to be gone does not come back in an earlier form', () => {
    const client = connect();
    client.set({ RDS: 'r=1' });
    says(client.ask('CDS', []), ['CDS']);
    client.ask('RDS', ['r']);
    client.ack('RDS');
    says(client.set({}), { delta: ['RDS -r'], sotw: [] });
    client.ack('RDS');
    // The answer about clusters is in flight still, so the new one cannot be sent, nor the route to it.
    says(client.set({ CDS: 'c=1', RDS: 'r=2>c' }), []);
    // In SotW the route is held in its first form, so that the new one waits for the ACK.
    says(client.ack('CDS'), { delta: ['CDS c=1', 'RDS r=2'], sotw: ['CDS c=1'] });
  });

  test('X92 M3 a cluster stays while a refused listener may fall back to a form that refers to it', () => {
    const client = connect();
    client.set({ CDS: 'c=1', LDS: 'l=bad>c m=1>c' });
    client.ask('CDS', []);
    client.ask('LDS', []);
    client.ack('CDS');
    client.set({ CDS: 'd=1', LDS: 'l=2>d m=2>d' });
    // Whether it took m is unknown (E16).
    const nack = client.nack('LDS', 'goo.gle/debugonly  \nname: "l"\n: Proto constraint');
    says(nack, { delta: ['LDS m=2'], sotw: ['LDS l=2 m=2'] });
    client.nack('CDS', 'Error adding/updating cluster(s) d: REASON');
    const again = client.nack('LDS', 'Error adding/updating listener(s) l: REASON\nm: REASON\n');
    // A cluster that was refused keeps no listener waiting (X44).
    says(again, { delta: ['LDS l=2'], sotw: [] });
    if (again.length > 0) says(client.nack('LDS', 'Error adding/updating listener(s) l: REASON\n'), []);
    // Delta has no whole set that would lack m, so that there is nothing to fall back to.
    says(client.wait(3_600_000), { delta: ['CDS -c'], sotw: [] });
  });

  test('E15 X71 what may have been taken of a refused response is taken back when it goes', () => {
    const client = connect();
    client.set({ EDS: 'a=bad s=1' });
    says(client.ask('EDS', ['a', 's']), ['EDS a=bad s=1']);
    // Nobody is named, so each is told again alone; the client may have taken s meanwhile.
    says(client.nack('EDS', 'missing ): ('), ['EDS a=bad']);
    says(client.set({ EDS: 'a=bad s=worse' }), []);
    says(client.nack('EDS', 'missing ): ('), ['EDS s=worse']);
    client.nack('EDS', 'missing ): (');
    says(client.set({ EDS: 'a=bad' }), { delta: ['EDS -s'], sotw: ['EDS s=empty'] });
  });
});
