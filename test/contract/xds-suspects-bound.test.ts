import { describe, expect, test } from 'vitest';
import { keysOf } from '../../src/xds/persistent-map.ts';
import { mostTrials } from '../../src/xds/suspects.ts';
import { nobodyNamed, RefusingSetClient } from '../support/refusing-set-client.ts';
import { content } from '../support/xds-scripted-client.ts';

const mesh = (count: number, mark: string, bad: readonly number[] = []) =>
  Array.from(
    { length: count },
    (_, index) => `n${String(index).padStart(4, '0')}=${bad.includes(index) ? 'bad' : mark}`,
  );

/** Nothing is owed, tried or sent any more, whatever time passes. */
function atRest(client: RefusingSetClient): void {
  const { pending, inFlight, suspects } = client.subscription;
  expect([pending.size, inFlight, suspects?.guilty ?? [], suspects?.others ?? []]).toEqual([0, undefined, [], []]);
  expect(client.script.wait(3_600_000)).toEqual([]);
}

describe.each(['CDS', 'LDS'] as const)('the bound of a search in sets of %s (X38, M3)', (type) => {
  test.each([40, 1_000, 1_060])(
    'X38 M3 a client that refuses all of %d hears of no end of sets, and keeps what it has',
    (count) => {
      const client = new RefusingSetClient(type);
      client.set(mesh(count, '1'));
      client.set(mesh(count, 'bad'));
      expect(client.sets.length - 1).toBe(mostTrials + 1);
      expect(client.holds).toEqual(mesh(count, '1'));
      const { suspects, differs, rejection } = client.subscription;
      const standing = suspects?.standing.map(({ name }) => name) ?? [];
      // Each name once: convicted, or standing.
      expect([...client.convicted, ...standing].sort()).toEqual([...keysOf(differs)].sort());
      expect([differs.size, standing.length > 0, standing.every((name) => rejection?.names.includes(name))]).toEqual([
        count,
        true,
        true,
      ]);
      atRest(client);
      const before = client.sets.length;
      client.set(mesh(count, '3'));
      expect([client.holds, client.sets.length - before]).toEqual([mesh(count, '3'), 1]);
      expect([client.subscription.suspects, client.subscription.rejection]).toEqual([undefined, undefined]);
      atRest(client);
    },
    60_000,
  );

  test('X44 M3 3 culprits among 1,000, and 5 among 40, are found within the bound', () => {
    for (const [count, bad] of [
      [1_000, [17, 500, 991]],
      [40, [1, 8, 19, 20, 38]],
    ] as const) {
      const client = new RefusingSetClient(type);
      client.set(mesh(count, '1'));
      client.set(mesh(count, '2', bad));
      expect([client.convicted.length, client.sets.length - 1 <= mostTrials / 2]).toEqual([bad.length, true]);
      expect(client.subscription.suspects).toBeUndefined();
    }
  });

  /** 40 are refused and the search for them was given up. */
  const givenUp = () => {
    const client = new RefusingSetClient(type);
    client.set(mesh(40, '1'));
    client.set(mesh(40, 'bad'));
    const [one] = client.subscription.suspects?.standing.map(({ name }) => Number(name.slice(1))) ?? [];
    if (one === undefined) throw new Error('nothing stands');
    return { client, one, told: client.sets.length };
  };

  test('X44 M3 after a search was given up what is new goes through, and nothing else is tried', () => {
    const { client, told } = givenUp();
    client.set([...mesh(40, 'bad'), 'z=1']);
    expect([client.holds, client.sets.length - told]).toEqual([[...mesh(40, '1'), 'z=1'], 1]);
    atRest(client);
    client.set([...mesh(40, 'bad'), 'y=bad', 'z=2']);
    expect(client.holds).toEqual([...mesh(40, '1'), 'z=2']);
    expect(client.convicted).toContain('y');
    atRest(client);
  });

  test('M3 a change of one that stands earns a short search, not another whole one', () => {
    const { client, one, told } = givenUp();
    client.set(mesh(40, 'bad').with(one, `n${String(one).padStart(4, '0')}=2`));
    expect(client.holds[one]).toMatch(/=2$/);
    expect(client.sets.length - told).toBeLessThanOrEqual(22);
    atRest(client);
  });

  test('X38 M3 once an equal client has shown one of those that stand to be to blame the rest is offered once', () => {
    const { client, one, told } = givenUp();
    const word = `n${String(one).padStart(4, '0')}=bad`;
    const [refused] = content({ [type]: word });
    client.script.quarantine = {
      epoch: 0,
      added: 1,
      withholds: () => true,
      find: ({ name, version }) =>
        name === refused?.name && version === refused.version ? { good: undefined } : undefined,
    };
    client.answer(client.script.run());
    expect(client.sets.length - told).toBe(1);
    atRest(client);
  });
});

test.each([
  ['one', mesh(40, '2', [25])],
  ['all', mesh(40, 'bad')],
])(
  'X42 the error stays in sight while the culprit is looked for, what is taken meanwhile notwithstanding: %s',
  (_, words) => {
    const client = new RefusingSetClient('CDS');
    client.set(mesh(40, '1'));
    const messages = new Set<string | undefined>();
    client.set(words, (count) => {
      if (count > 1) messages.add(client.subscription.rejection?.message);
      // Of what changes meanwhile nothing was refused.
      return count < 4 ? [...words, `z=${count}`] : undefined;
    });
    expect([[...messages], client.subscription.rejection?.message]).toEqual([[nobodyNamed], nobodyNamed]);
  },
);
