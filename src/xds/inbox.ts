import type { Clock } from './clock.ts';
import { Allowance } from './transport-rate.ts';
import type { TurnQueue } from './turn-queue.ts';

/** What a stream has said and nobody has looked at yet, in its order. */
export interface Inbox<Item> {
  /** Takes what came; `bytes`: how large it is. */
  push(item: Item, bytes: number): void;
  /** Begins to hand over, this one before everything else; the call, which was paused meanwhile, goes on. */
  open(first: Item): void;
  /** Parts of what is being handled, to be handled next, each in a turn of its own. */
  next(parts: readonly Item[]): void;
  /** Something is due to the stream: soon where it is settled, patiently where it is only coming. */
  due(piece: () => void): void;
  /** What was sent has left the process. */
  written(): void;
  stop(): void;
}

/** Larger requests wait for a patient turn on any stream: a thousand names are a millisecond. */
const small = 4_096;
/** So many may wait before the client is held back. */
const mostWaiting = 4;
/**
 * A client asks for more right after it has got something: it is settled when it says nothing for so long after its last ACK, in
 * milliseconds, or for somewhat longer while it owes one, for nobody shall wait behind those who are far away.
 */
const lull = { acknowledged: 20, sent: 100 };
/** Of small messages on a settled stream: so many at once and a second are handled at once; who says more has turns, as all others (T11). */
const direct = { burst: 32, perSecond: 50 };

/**
 * X22: what a stream says while it is still given its first answers is looked at in patient turns, one message each. Once nothing waits for
 * an answer it is settled, for good: then small messages, ACKs above all, are handled at once. `handle` must not throw.
 */
export function createInbox<Item>(options: {
  readonly queue: TurnQueue;
  readonly clock: Clock;
  readonly call: { pause(): void; resume(): void };
  readonly handle: (item: Item) => void;
  /** Whether something has not left the process, or waits for its ACK, or neither. */
  readonly progress: () => 'writing' | keyof typeof lull;
  readonly onSettled: () => void;
}): Inbox<Item> {
  const { queue, clock, call, handle, progress, onSettled } = options;
  const items: Item[] = [];
  let phase: 'closed' | 'coming' | 'settled' | 'stopped' = 'closed';
  let paused = false;
  let cancelLull = () => {};
  const rate = new Allowance(direct.perSecond, direct.burst);
  let handledAtOnce = 0;

  function rest(): void {
    cancelLull();
    const state = progress();
    if (phase !== 'coming' || items.length > 0 || state === 'writing') return;
    cancelLull = clock.after(lull[state], () => {
      phase = 'settled';
      onSettled();
    });
  }

  function turn(): void {
    const item = items.shift();
    if (item === undefined || phase === 'stopped') return;
    handle(item);
    if (items.length > 0) {
      queue.addPatient(turn);
      return;
    }
    rest();
    if (!paused) return;
    paused = false;
    call.resume();
  }

  return {
    push(item, bytes) {
      if (phase === 'stopped') return;
      const isPlain = phase === 'settled' && items.length === 0 && bytes <= small;
      if (isPlain && !rate.exceeded(clock.now(), handledAtOnce + 1)) {
        handledAtOnce += 1;
        handle(item);
        return;
      }
      cancelLull();
      items.push(item);
      if (phase !== 'closed') queue.addPatient(turn);
      if (paused || (phase !== 'closed' && items.length < mostWaiting)) return;
      paused = true;
      call.pause();
    },
    open(first) {
      phase = 'coming';
      paused = true;
      items.unshift(first);
      queue.addPatient(turn);
    },
    next(parts) {
      if (parts.length === 0) return;
      items.unshift(...parts);
      queue.addPatient(turn);
    },
    due(piece) {
      if (phase === 'settled') queue.add(piece);
      else queue.addPatient(piece);
    },
    written: () => {
      if (phase === 'coming') rest();
    },
    stop() {
      phase = 'stopped';
      items.length = 0;
      cancelLull();
    },
  };
}
