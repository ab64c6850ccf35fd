import { describe, expect, test } from 'vitest';
import { RefusingSetClient } from '../support/refusing-set-client.ts';
import { content, ScriptedClient } from '../support/xds-scripted-client.ts';
import { noQuarantine } from '../support/xds-world.ts';

const names = Array.from({ length: 40 }, (_, index) => `n${String(index).padStart(2, '0')}`);
const mesh = (mark: string, bad: readonly string[] = []) =>
  names.map((name) => `${name}=${bad.includes(name) ? 'bad' : mark}`);

/*
 * A SotW client that comes back does not say what it holds, and each set deletes what it lacks (X51). Until it took one, no set may lack
 * anything that it may hold.
 */
describe.each(['CDS', 'LDS'] as const)(
  'a client of %s that comes back while the culprit in a set is unknown',
  (type) => {
    /** It holds the first form of everything, and came to a server that knows nothing of it. */
    const returned = (words: readonly string[]) => {
      const client = new RefusingSetClient(type);
      client.set(mesh('1'));
      client.tell(words);
      // What the old stream had to say of it is not heard any more.
      client.answer(client.script.reconnect());
      return client;
    };
    const takesNothing = (client: RefusingSetClient) => {
      expect(client.holds).toEqual(mesh('1'));
      expect(client.convicted).toEqual([]);
      expect(client.subscription.pending.size).toBe(0);
      expect(client.script.wait(3_600_000)).toEqual([]);
    };

    test('X38 M3 X51 one set is tried, none that lacks anything, and the error stays in sight', () => {
      const client = returned(mesh('2', ['n17']));
      expect(client.sets.map(({ words, taken }) => [words.length, taken])).toEqual([
        [40, true],
        [40, false],
      ]);
      takesNothing(client);
      expect(client.subscription.rejection?.names).toHaveLength(40);
    });

    test.each([
      ['mended', mesh('2')],
      ['taken away', mesh('2').filter((word) => !word.startsWith('n17'))],
    ])('X44 M3 once the culprit is %s everything goes, in one set', (_, mended) => {
      const client = returned(mesh('2', ['n17']));
      client.set(mended);
      expect([client.holds, client.sets.length]).toEqual([mended, 3]);
      expect([client.subscription.suspects, client.subscription.rejection]).toEqual([undefined, undefined]);
    });

    test('M3 another change in it is tried in one set, and a name that is new with the others', () => {
      const client = returned(mesh('2', ['n17']));
      client.set(mesh('2', ['n17']).with(3, 'n03=3'));
      takesNothing(client);
      expect(client.sets.length).toBe(3);
      client.set([...mesh('2', ['n17']).with(3, 'n03=3'), 'z=1']);
      takesNothing(client);
      expect(client.sets.length).toBe(3);
      client.set([...mesh('3'), 'z=1']);
      expect([client.holds, client.sets.length]).toEqual([[...mesh('3'), 'z=1'], 4]);
    });

    test('X38 M3 after it took a set the culprit is searched for', () => {
      const client = returned(mesh('2'));
      client.set(mesh('3', ['n17']));
      expect([client.holds, client.convicted]).toEqual([mesh('3').with(17, 'n17=2'), ['n17']]);
    });

    test('X38 X44 M3 a client that never took a set holds nothing: the culprit is searched for', () => {
      const client = new RefusingSetClient(type);
      client.tell(mesh('1', ['n17']));
      client.answer(client.script.ask(type, []), undefined, 1);
      client.answer(client.script.reconnect());
      expect([client.holds, client.convicted]).toEqual([mesh('1').filter((word) => !word.startsWith('n17')), ['n17']]);
    });

    test.each([1, 2, 3, 4, 5])(
      'X51 M3 a stream that ends after set %d of a search: nothing is taken away on the next',
      (sets) => {
        const client = new RefusingSetClient(type);
        client.set(mesh('1'));
        client.answer(client.tell(mesh('2', ['n17', 'n30'])), undefined, sets);
        const held = client.holds;
        client.answer(client.script.reconnect());
        expect(client.holds).toEqual(held);
        expect(client.sets.every(({ words }) => words.length === 40)).toBe(true);
        client.set(mesh('3'));
        expect(client.holds).toEqual(mesh('3'));
      },
    );

    const convicted = (good: string | undefined) => {
      const [refused] = content({ [type]: 'n17=bad' });
      const [form] = good === undefined ? [] : content({ [type]: good });
      return {
        ...noQuarantine,
        added: 1,
        withholds: () => true,
        find: ({ name, version }: { readonly name: string; readonly version: string }) =>
          name === refused?.name && version === refused.version ? { good: form } : undefined,
      };
    };

    test('X38 X44 an equal client has shown who is to blame: the rest goes, with the form that it took before', () => {
      const client = returned(mesh('2', ['n17']));
      client.script.quarantine = convicted('n17=1');
      client.answer(client.script.run());
      expect([client.holds, client.sets.length]).toEqual([mesh('2').with(17, 'n17=1'), 3]);
      expect(client.subscription.suspects).toBeUndefined();
    });

    test.each(['before', 'after'])(
      'X38 X51 an equal client has shown it %s it came, and no form is known: nothing is taken away',
      (when) => {
        const client = new RefusingSetClient(type);
        client.set(mesh('1'));
        client.tell(mesh('2', ['n17']));
        if (when === 'before') client.script.quarantine = convicted(undefined);
        client.answer(client.script.reconnect());
        client.script.quarantine = convicted(undefined);
        client.answer(client.script.run());
        takesNothing(client);
        client.set(mesh('2', ['n17']).with(3, 'n03=3'));
        takesNothing(client);
        expect(client.sets.length).toBe(when === 'before' ? 1 : 2);
        client.set(mesh('3'));
        expect([client.holds, client.subscription.rejection]).toEqual([mesh('3'), undefined]);
      },
    );
  },
);

test('X51 M1 listeners whose clusters are refused, of a client that came back, are not taken away', () => {
  const client = new ScriptedClient('sotw');
  client.set({ CDS: 'a=1 b=1', LDS: 'l=1>a m=1>b' });
  client.ask('CDS', []);
  client.ack('CDS');
  client.ask('LDS', []);
  client.ack('LDS');
  client.set({ CDS: 'a=2 b=bad', LDS: 'l=2>a m=1>b' });
  const told = client.reconnect();
  expect(told).toEqual(['CDS a=2 b=bad', 'LDS l=2 m=1']);
  expect(client.nack('CDS', 'no')).toEqual([]);
  expect(client.ack('LDS')).toEqual([]);
  expect(client.wait(3_600_000)).toEqual([]);
  // The listeners are as it says; the clusters are refused again, and stand: what refers to them waits for the deadline, and no longer.
  expect(client.reconnect()).toEqual(['CDS a=2 b=bad']);
  expect(client.nack('CDS', 'no')).toEqual([]);
  expect(client.set({ CDS: 'a=2 b=bad', LDS: 'l=3>a m=1>b' })).toEqual([]);
  expect(client.wait(5_000)).toEqual(['LDS l=3 m=1']);
  expect(client.ack('LDS')).toEqual([]);
  expect(client.wait(3_600_000)).toEqual([]);
  expect(client.set({ CDS: 'a=2 b=2', LDS: 'l=3>a m=1>b' })).toEqual(['CDS a=2 b=2']);
});

test('M3 X92 INV8 what a client that came back may hold of a set that it refused stays while a route leads to it', () => {
  const client = new ScriptedClient('sotw');
  client.set({ CDS: 'a=1 b=1', RDS: 'r=1>b' });
  client.ask('CDS', []);
  client.ack('CDS');
  client.ask('RDS', ['r']);
  client.ack('RDS');
  client.set({ CDS: 'a=bad b=2', RDS: 'r=2>b' });
  expect(client.reconnect()).toEqual(['CDS a=bad b=2', 'RDS r=2']);
  expect(client.ack('RDS')).toEqual([]);
  expect(client.nack('CDS', 'no')).toEqual([]);
  // It holds the first form of b, which nobody can tell: no set may lack it while the route stands there.
  expect(client.set({ CDS: 'c=1', RDS: '' })).toEqual([]);
  expect(client.ask('RDS', [])).toEqual(['CDS c=1']);
});

test('X87 INV9 endpoints that went stand after their cluster once more, in SotW as they were', () => {
  const client = new ScriptedClient('sotw');
  client.set({ CDS: 'a=1', EDS: 'a=1' });
  client.ask('CDS', []);
  client.ack('CDS');
  client.ask('EDS', ['a']);
  client.ack('EDS');
  // Envoy waits for them as for those of a new cluster.
  expect(client.set({ CDS: 'a=2', EDS: '' })).toEqual(['CDS a=2', 'EDS a=1']);
  client.ack('CDS');
  expect(client.ack('EDS')).toEqual([]);
});
