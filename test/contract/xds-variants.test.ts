import { describe, expect, test } from 'vitest';
import type { Variant } from '../../src/xds/subscription.ts';
import { content, ScriptedClient, types } from '../support/xds-scripted-client.ts';

/** What is told: the same in both variants, or what each of them says instead. */
type Told = readonly string[] | Readonly<Record<Variant, readonly string[]>>;

describe.each(['delta', 'sotw'] as const)('the machine of %s', (variant) => {
  const connect = () => new ScriptedClient(variant);
  const says = (told: readonly string[], expected: Told) =>
    expect(told).toEqual('delta' in expected ? expected[variant] : expected);
  const refused = 'Error adding/updating cluster(s) c: REASON';

  test('X48 X63 the first answer of a wildcard is everything, and an ACK is answered by nothing (X41)', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1' });
    says(client.ask('CDS', []), ['CDS a=1 b=1']);
    says(client.ack('CDS'), []);
  });

  test('X53 X68 an empty mesh is an answer', () => {
    const client = connect();
    client.set({});
    says(client.ask('CDS', []), ['CDS']);
    says(client.ack('CDS'), []);
  });

  test('X51 X52 X78 a change is what changed, but SotW says clusters and listeners as a whole', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1', EDS: 'a=1 b=1' });
    client.ask('CDS', []);
    client.ask('EDS', ['a', 'b']);
    client.ack('CDS');
    client.ack('EDS');
    says(client.set({ CDS: 'a=1 b=1', EDS: 'a=2 b=1' }), ['EDS a=2']);
    client.ack('EDS');
    // X87: the endpoints of the changed cluster are told again.
    says(client.set({ CDS: 'a=1 b=2', EDS: 'a=2 b=1' }), {
      delta: ['CDS b=2', 'EDS b=1'],
      sotw: ['CDS a=1 b=2', 'EDS b=1'],
    });
  });

  test('X62 no change, no message', () => {
    const client = connect();
    client.set({ CDS: 'a=1', RDS: 'r=1>a' });
    client.ask('CDS', []);
    client.ask('RDS', ['r']);
    client.ack('CDS');
    client.ack('RDS');
    says(client.set({ RDS: 'r=1>a', CDS: 'a=1' }), []);
    says(client.wait(3_600_000), []);
    expect(client.wake).toBe(Number.POSITIVE_INFINITY);
  });

  test('X21 one response in flight; what changes meanwhile is told once, in its newest form', () => {
    const client = connect();
    client.set({ CDS: 'a=1' });
    client.ask('CDS', []);
    says(client.set({ CDS: 'a=2 b=1' }), []);
    says(client.set({ CDS: 'a=3' }), []);
    says(client.ack('CDS'), ['CDS a=3']);
  });

  test('X54 X71 a removal is said in delta, and follows from the set in SotW, after the grace', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1', LDS: 'l=1' });
    client.ask('CDS', []);
    client.ask('LDS', []);
    client.ack('CDS');
    client.ack('LDS');
    says(client.set({ CDS: 'a=1' }), { delta: ['LDS -l'], sotw: ['LDS'] });
    client.ack('LDS');
    expect(client.wake).toBe(5_000);
    says(client.wait(5_000), { delta: ['CDS -b'], sotw: ['CDS a=1'] });
  });

  test('X52 X58 X72 a name that does not exist, and that comes to exist', () => {
    const client = connect();
    client.set({});
    says(client.ask('RDS', ['r']), { delta: ['RDS -r'], sotw: [] });
    client.ack('RDS');
    says(client.set({ RDS: 'r=1' }), ['RDS r=1']);
    client.ack('RDS');
    // SotW has no word for gone.
    says(client.set({}), { delta: ['RDS -r'], sotw: [] });
  });

  test('X90 endpoints that do not exist are removed in delta and empty in SotW', () => {
    const client = connect();
    client.set({ CDS: 'a=1' });
    client.ask('CDS', []);
    says(client.ask('EDS', ['a']), { delta: ['EDS -a'], sotw: ['EDS a=empty'] });
  });

  test('X44 routes go one by one', () => {
    const client = connect();
    client.set({ RDS: 'r=1 s=1' });
    says(client.ask('RDS', ['r', 's']), ['RDS r=1']);
    says(client.ack('RDS'), ['RDS s=1']);
    says(client.ack('RDS'), []);
  });

  test('X38 a single resource that is refused is not offered again until it changes', () => {
    const client = connect();
    client.set({ RDS: 'r=1' });
    client.ask('RDS', ['r']);
    says(client.nack('RDS', 'no'), []);
    says(client.wait(60_000), []);
    says(client.set({ RDS: 'r=2' }), ['RDS r=2']);
    client.ack('RDS');
    says(client.set({ RDS: 'r=1' }), []);
  });

  test.each(['SDS', 'RDS', 'CDS'] as const)(
    'X38 of %s what was refused, went away and comes back is offered anew',
    (type) => {
      const client = new ScriptedClient(variant);
      client.set({ [type]: 'k=bad' });
      client.ask(type, type === 'CDS' ? [] : ['k']);
      client.nack(type, 'the file is not there');
      // An empty set is told in SotW.
      if (client.set({}).length > 0) client.ack(type);
      expect(client.set({ [type]: 'k=bad' })).toEqual([`${type} k=bad`]);
      // Its file is there now.
      expect([...client.ack(type), ...client.wait(3_600_000)]).toEqual([]);
      expect(client.set({ [type]: 'k=2' })).toEqual([`${type} k=2`]);
    },
  );

  test('X42 the error is kept with what was refused, and goes with the next ACK', () => {
    const client = connect();
    client.set({ RDS: 'r=1' });
    client.ask('RDS', ['r']);
    client.nack('RDS', 'no');
    const rejection = () => client.state.subscriptions.find(({ type }) => type.typeUrl === types.RDS)?.rejection;
    expect(rejection()).toMatchObject({ message: 'no', names: ['r'] });
    client.set({ RDS: 'r=2' });
    client.ack('RDS');
    expect(rejection()).toBeUndefined();
  });

  test('X44 E15 the named culprit of several is left out, and the rest counts', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1 c=1' });
    client.ask('CDS', []);
    client.ack('CDS');
    says(client.set({ CDS: 'a=2 b=1 c=2' }), { delta: ['CDS a=2 c=2'], sotw: ['CDS a=2 b=1 c=2'] });
    // M3: the set with the last good form of c is what the client has by now.
    says(client.nack('CDS', refused), []);
    says(client.set({ CDS: 'a=3 b=1 c=2' }), { delta: ['CDS a=3'], sotw: ['CDS a=3 b=1 c=1'] });
    client.ack('CDS');
    says(client.set({ CDS: 'a=3 b=1 c=3' }), { delta: ['CDS c=3'], sotw: ['CDS a=3 b=1 c=3'] });
  });

  test('E16 several of which none is named are told again one by one, and the culprit shows itself', () => {
    const client = connect();
    client.set({ EDS: 'a=1 b=1' });
    client.ask('EDS', ['a', 'b']);
    says(client.nack('EDS', 'something is wrong'), ['EDS a=1']);
    says(client.ack('EDS'), ['EDS b=1']);
    says(client.nack('EDS', 'something is wrong'), []);
    says(client.set({ EDS: 'a=2 b=1' }), ['EDS a=2']);
  });

  test('X57 X69 X77 a name that is asked for again is told again', () => {
    const client = connect();
    client.set({ RDS: 'r=1' });
    client.ask('RDS', ['r']);
    client.ack('RDS');
    // In SotW the same list asks for nothing.
    says(client.askAgain('RDS', 'r'), { delta: ['RDS r=1'], sotw: [] });
    client.ack('RDS');
    says(client.ask('RDS', []), []);
    says(client.set({ RDS: 'r=2' }), []);
    says(client.ask('RDS', ['r']), ['RDS r=2']);
  });

  test('X29 X30 a change of names takes effect during a flight', () => {
    const client = connect();
    client.set({ EDS: 'a=1 b=1 c=1' });
    client.ask('EDS', ['a']);
    says(client.ask('EDS', ['a', 'b']), []);
    says(client.ack('EDS'), ['EDS b=1']);
  });

  test('X27 X28 a nonce of another life is no answer, but its names count', () => {
    const client = connect();
    client.set({ EDS: 'a=1 b=1' });
    client.ask('EDS', ['a']);
    client.ack('EDS');
    says(client.stray('EDS', ['a', 'b']), { delta: ['EDS b=1'], sotw: [] });
    says(client.ack('EDS'), { delta: [], sotw: ['EDS b=1'] });
  });

  test('X28 the names of such a request are answered with what comes next', () => {
    const client = connect();
    client.set({ EDS: 'a=1 b=1' });
    client.ask('EDS', ['a']);
    client.ack('EDS');
    client.stray('EDS', ['a', 'b']);
    // In delta the stray request was answered by itself, and that answer is in flight.
    says(client.set({ EDS: 'a=2 b=1' }), { delta: [], sotw: ['EDS a=2 b=1'] });
  });

  test('X34 X63 X70 who returns with what is current is told nothing needless', () => {
    const client = connect();
    client.set({ CDS: 'a=1', EDS: 'a=1', RDS: 'r=1>a' });
    client.ask('CDS', []);
    client.ask('EDS', ['a']);
    client.ask('RDS', ['r']);
    for (const type of ['CDS', 'EDS', 'RDS'] as const) client.ack(type);
    // SotW cannot say what it holds of endpoints and routes, and may be warming.
    says(client.reconnect(), { delta: [], sotw: ['EDS a=1', 'RDS r=1'] });
  });

  test('X14 X71 who returns with what is old is told what changed', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1', LDS: 'l=1 m=1' });
    client.ask('CDS', []);
    client.ask('LDS', []);
    client.ack('CDS');
    client.ack('LDS');
    client.set({ CDS: 'a=2 b=1', LDS: 'l=1' });
    says(client.reconnect(), { delta: ['CDS a=2', 'LDS -m'], sotw: ['CDS a=2 b=1', 'LDS l=1'] });
  });

  test('X38 what an equal client refused is not offered; its good form is, and the content once it is free', () => {
    const client = connect();
    client.set({ CDS: 'a=1', RDS: 'r=1' });
    client.ask('CDS', []);
    client.ask('RDS', ['r']);
    client.ack('CDS');
    client.ack('RDS');
    const [good] = content({ CDS: 'a=0' });
    client.quarantine = {
      epoch: 0,
      added: 0,
      withholds: () => true,
      find: ({ typeUrl, value }) => {
        const text = Buffer.from(value).toString();
        if (typeUrl === types.CDS && text === 'a=2') return { good };
        return text === 'r=2' ? { good: undefined } : undefined;
      },
    };
    says(client.set({ CDS: 'a=2 b=1', RDS: 'r=2' }), { delta: ['CDS b=1'], sotw: ['CDS a=1 b=1'] });
    client.ack('CDS');
    client.quarantine = { epoch: 1, added: 0, withholds: () => false, find: () => undefined };
    says(client.run(), { delta: ['CDS a=2', 'RDS r=2'], sotw: ['CDS a=2 b=1', 'RDS r=2'] });
  });

  test('X49 X65 the wildcard by name, and beside it another name', () => {
    const client = connect();
    client.set({ CDS: 'a=1 b=1' });
    says(client.ask('CDS', ['*']), ['CDS a=1 b=1']);
    client.ack('CDS');
    // X69: in delta the name alone is told; X56: in SotW the set.
    says(client.ask('CDS', ['*', 'a']), { delta: ['CDS a=1'], sotw: ['CDS a=1 b=1'] });
    client.ack('CDS');
    // The wildcard ends: SotW says what is left (M6).
    says(client.ask('CDS', ['a']), { delta: [], sotw: ['CDS a=1'] });
    client.ack('CDS');
    says(client.set({ CDS: 'a=1 b=2' }), []);
    says(client.set({ CDS: 'a=2 b=2' }), ['CDS a=2']);
  });

  test('X75 under a wildcard a name that is given up is told as it is now', () => {
    const client = connect();
    client.set({ CDS: 'a=1' });
    client.ask('CDS', ['*', 'a', 'gone']);
    client.ack('CDS');
    says(client.ask('CDS', ['*']), { delta: ['CDS a=1 -gone'], sotw: ['CDS a=1'] });
  });

  test('X44 M4 a name that is asked for again, whose newest content was refused, gets the good one', () => {
    const client = connect();
    client.set({ RDS: 'r=1' });
    client.ask('RDS', ['r']);
    client.ack('RDS');
    client.set({ RDS: 'r=2' });
    client.nack('RDS', 'no');
    client.ask('RDS', []);
    says(client.ask('RDS', ['r']), ['RDS r=1']);
  });
});
