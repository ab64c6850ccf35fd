import { expect, test } from 'vitest';
import { Inbox } from '../../src/xds/inbox.ts';
import type { TurnQueue } from '../../src/xds/turn-queue.ts';
import { fakeClock } from '../support/fake-clock.ts';

test('T11 X22 small messages of a settled stream are handled at once; of a flood each has a patient turn, and its client is held back', () => {
  const clock = fakeClock();
  const turns: (() => void)[] = [];
  const queue: TurnQueue = { add: (piece) => turns.push(piece), addPatient: (piece) => turns.push(piece) };
  const handled: number[] = [];
  const said: string[] = [];
  const inbox = new Inbox<number>({
    queue,
    clock,
    call: { pause: () => said.push('pause'), resume: () => said.push('resume') },
    handle: (item) => handled.push(item),
    progress: () => 'acknowledged',
    onSettled: () => said.push('settled'),
  });
  const runTurns = () => {
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
  };
  inbox.open(0);
  runTurns();
  clock.advance(20);
  expect([handled, said]).toEqual([[0], ['resume', 'settled']]);
  for (let item = 1; item <= 100; item += 1) inbox.push(item, 100);
  const atOnce = handled.length;
  expect([atOnce > 30, atOnce < 40, said.at(-1)]).toEqual([true, true, 'pause']);
  runTurns();
  expect(handled).toEqual(Array.from({ length: 101 }, (_, item) => item));
  expect(said.at(-1)).toBe('resume');
  // A second later an ACK waits for nobody.
  clock.advance(1_000);
  inbox.push(101, 100);
  expect(handled.at(-1)).toBe(101);
});
