import { expect, test } from 'vitest';
import { Inbox } from '../../src/xds/inbox.ts';
import { createTurnQueue } from '../../src/xds/turn-queue.ts';
import { fakeClock } from '../support/fake-clock.ts';

function manualQueue() {
  let now = 0;
  const turns: (() => void)[] = [];
  const done: string[] = [];
  const queue = createTurnQueue({ now: () => now, later: (turn) => turns.push(turn) });
  const piece = (name: string, took: number) => () => {
    now += took;
    done.push(name);
  };
  const turn = () => {
    turns.shift()?.();
    return done.splice(0);
  };
  return { queue, piece, turn };
}

test('X22 a turn has its time; urgent pieces go first, a patient one waits 50 ms at most, and a piece is done once', () => {
  const { queue, piece, turn } = manualQueue();
  for (const name of ['p1', 'p2', 'p3', 'p4']) queue.addPatient(piece(name, 1));
  const twice = piece('u1', 1);
  queue.add(twice);
  queue.add(twice);
  for (const name of ['u2', 'u3', 'u4', 'u5']) queue.add(piece(name, 1));
  // The clock is looked at after four urgent pieces, and after every patient one.
  expect(turn()).toEqual(['u1', 'u2', 'u3', 'u4']);
  expect(turn()).toEqual(['u5', 'p1']);
  for (let index = 0; index < 60; index += 1) queue.add(piece(`u${index}`, 2));
  const order: string[] = [];
  for (let turns = 0; turns < 30; turns += 1) order.push(...turn());
  // Fifteen turns of urgent pieces take 120 ms: one patient piece goes in before they are done.
  expect(order.indexOf('p2')).toBeGreaterThan(10);
  expect(order.indexOf('p2')).toBeLessThan(36);
  expect(order.slice(-2)).toEqual(['p3', 'p4']);
  expect(turn()).toEqual([]);
});

function manualInbox() {
  const { queue, turn } = manualQueue();
  const clock = fakeClock(0);
  const log: string[] = [];
  let progress: 'writing' | 'sent' | 'acknowledged' = 'acknowledged';
  const inbox = new Inbox<string>({
    queue,
    clock,
    call: { pause: () => log.push('pause'), resume: () => log.push('resume') },
    handle: (item) => log.push(item),
    progress: () => progress,
    onSettled: () => log.push(`settled ${clock.now()}`),
  });
  return {
    inbox,
    clock,
    turn,
    told: () => log.splice(0),
    set(value: typeof progress) {
      progress = value;
    },
  };
}

test('X22 a stream that is coming is read in patient turns, in its order; once settled its small messages are read at once', () => {
  const { inbox, clock, turn, told } = manualInbox();
  inbox.push('second', 10);
  inbox.open('first');
  expect(told()).toEqual(['pause']);
  turn();
  expect(told()).toEqual(['first', 'second', 'resume']);
  clock.advance(10);
  inbox.push('third', 10);
  clock.advance(50);
  expect(told()).toEqual([]);
  turn();
  clock.advance(20);
  expect(told()).toEqual(['third', 'settled 80']);
  inbox.push('small', 10);
  inbox.push('large', 10_000);
  inbox.push('behind it', 10);
  expect(told()).toEqual(['small']);
  turn();
  turn();
  expect(told()).toEqual(['large', 'behind it']);
});

test('X22 who owes an ACK is settled a while after all has left, and not before; nothing happens after the end', () => {
  const { inbox, clock, turn, told, set } = manualInbox();
  set('writing');
  inbox.open('first');
  turn();
  clock.advance(5_000);
  expect(told()).toEqual(['first', 'resume']);
  set('sent');
  inbox.written();
  clock.advance(99);
  expect(told()).toEqual([]);
  clock.advance(1);
  expect(told()).toEqual(['settled 5100']);
  inbox.stop();
  inbox.push('late', 1);
  turn();
  expect(told()).toEqual([]);
});
