import { expect, it } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { openTokenStore } from '../../src/ca/token-store.ts';
import { tokenColumns } from '../../src/cli/render/kinds.ts';
import { createTokenDesk } from '../../src/control-plane/token-desk.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const [old, next] = ['a1'.repeat(32), 'b2'.repeat(32)];

it('marks tokens that pin a root which a rotation has taken, if a use is left; also after a restart', async () => {
  const store = memoryStore();
  const clock = createJumpingClock();
  let shown = old;
  let trusted: readonly string[] = [old];
  const start = async () => {
    const tokens = await openTokenStore({ store, clock, fingerprint: () => shown });
    const audit = { record: () => undefined };
    return { tokens, desk: createTokenDesk(tokens, 'demo.mesh', audit, (root) => trusted.includes(root)) };
  };
  let { tokens, desk } = await start();
  const make = async (uses?: number, ttlMilliseconds?: number) => {
    const words = { services: ['payments'] as const, namespace: 'shop' };
    const { token, secret } = await desk.create({
      ...words,
      ...(uses !== undefined && { uses }),
      ...(ttlMilliseconds !== undefined && { ttlMilliseconds }),
    });
    return { id: token.id, pin: parseToken(secret.expose()).fingerprint };
  };
  const [unused, spent, credential] = [await make(2), await make(1), await make()];
  expect(unused.pin).toBe(old);
  await tokens.spend(spent.id);
  const marked = () => desk.list().flatMap(({ id, rootGone }) => (rootGone ? [id] : []));
  // While both roots are trusted the port shows the old one: its tokens go on.
  trusted = [old, next];
  expect(marked()).toEqual([]);
  trusted = [next];
  shown = next;
  const newer = await make(1);
  expect(newer.pin).toBe(next);
  expect(marked()).toEqual([unused.id]);
  ({ tokens, desk } = await start());
  expect(marked()).toEqual([unused.id]);
  const row = (id: string) => {
    const found = desk.list().find((token) => token.id === id);
    return tokenColumns.flatMap(({ title, of }) =>
      found !== undefined && ['USES', 'EXPIRES'].includes(title) ? [of(found)] : [],
    );
  };
  expect(row(unused.id)).toEqual(['root is gone', 'never']);
  expect(row(spent.id)).toEqual(['spent', 'never']);
  expect(row(credential.id)).toEqual(['-', 'never']);
  await desk.revoke(unused.id);
  expect(row(unused.id)).toEqual(['revoked', 'never']);

  // What is good for nothing does not say how many uses are left, and neither does what was made for it.
  const made = await tokens.create({
    grant: { role: 'operator' },
    createdBy: 'ana',
    from: unused.id,
  });
  expect(row(made.record.id)).toEqual(['revoked', 'never']);
  const [short, gone] = [await make(1, 60_000), await make(1, 60_000)];
  await tokens.spend(gone.id);
  clock.advance(60_000);
  expect([row(short.id)?.[0], row(gone.id)?.[0]]).toEqual(['expired', 'spent']);
});
