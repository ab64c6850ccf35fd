import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RefusingSetClient } from '../support/refusing-set-client.ts';

const count = 16;
const names = Array.from({ length: count }, (_, index) => `n${String(index).padStart(2, '0')}`);

/*
 * Something changes before each answer. The client is slower than the mesh then, so there is always something to tell; but what is told
 * must be taken in the end.
 */
describe('a set is refused without a name while the mesh changes with every response (M3, X44)', () => {
  const mesh = (mark: (name: string) => string) => names.map((name) => `${name}=${mark(name)}`);

  test('X44 M3 an innocent that changes with each set: the culprit is found, and the rest goes through', () => {
    const client = new RefusingSetClient('CDS');
    client.set(mesh(() => '1'));
    const now = (round: number) => mesh((name) => (name === 'n09' ? 'bad' : name === 'n03' ? String(round) : '2'));
    client.answer(client.tell(now(2)), (round) => now(2 + round), 20);
    expect([client.convicted, client.sets.slice(-10).every(({ taken }) => taken)]).toEqual([['n09'], true]);
    expect(client.holds.filter((word) => !word.startsWith('n03'))).toEqual(
      mesh((name) => (name === 'n09' ? '1' : '2')).filter((word) => !word.startsWith('n03')),
    );
    expect(client.subscription.suspects).toBeUndefined();
  });

  test('X44 M3 a culprit that is bad in another way each time starves nobody', () => {
    const client = new RefusingSetClient('CDS');
    client.set(mesh(() => '1'));
    const now = (round: number) => mesh((name) => (name === 'n09' ? `${round}bad` : round > 20 ? '3' : '2'));
    const last = client.answer(client.tell(now(0)), now, 20);
    expect(client.holds).toEqual(mesh((name) => (name === 'n09' ? '1' : '2')));
    client.tell(now(21));
    client.answer(last, (round) => now(21 + round), 20);
    expect(client.holds).toEqual(mesh((name) => (name === 'n09' ? '1' : '3')));
  });

  test('X38 X44 M3 whatever changes with each set: once that ends all that is good is held, and no set came twice', () => {
    const change = fc.record({ name: fc.constantFrom(...names), bad: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 40 }),
        fc.constantFrom('CDS', 'LDS'),
        (rounds, type) => {
          const client = new RefusingSetClient(type === 'CDS' ? 'CDS' : 'LDS');
          const marks = new Map(names.map((name) => [name, '0']));
          const good = new Map(marks);
          const words = () => mesh((name) => marks.get(name) ?? '');
          client.set(words());
          const apply = (round: number) => {
            for (const { name, bad } of rounds[round] ?? []) {
              marks.set(name, `${round + 1}${bad ? 'bad' : ''}`);
              if (!bad) good.set(name, `${round + 1}`);
            }
            return words();
          };
          client.set(apply(0), (sets) => (sets < rounds.length ? apply(sets) : undefined));
          const told = client.sets.filter(({ taken }) => !taken).map(({ words }) => words.join());
          expect(new Set(told).size).toBe(told.length);
          for (const name of names) {
            const held = client.holds.find((word) => word.startsWith(name));
            if (!marks.get(name)?.endsWith('bad')) expect(held).toBe(`${name}=${marks.get(name)}`);
            else expect(held?.endsWith('bad')).toBe(false);
          }
          expect([client.subscription.suspects, client.subscription.pending.size]).toEqual([undefined, 0]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
