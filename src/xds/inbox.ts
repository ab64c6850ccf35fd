import type { Clock } from './clock.ts';
import type { TurnQueue } from './turn-queue.ts';

/** Larger requests wait for a patient turn on any stream: a thousand names are a millisecond. */
const small = 4_096;
/** So many may wait before the client is held back. */
const mostWaiting = 4;
/**
 * A client asks for more right after it has got something: it is settled when it says nothing for so long after its last ACK, in
 * milliseconds, at once where that was all it can ask for, or after somewhat longer while it owes one, for nobody shall wait behind those who
 * are far away.
 */
const lull = { acknowledged: 20, complete: 0, sent: 100 };
/** Of small messages on a settled stream: so many at once and a second are handled at once; who says more has turns, as all others (T11). */
const direct = { burst: 32, perSecond: 50 };

/** Whom an inbox serves. */
export interface InboxOwner<Item> {
  readonly queue: TurnQueue;
  readonly clock: Clock;
  readonly call: { pause(): void; resume(): void };
  /** Does not throw. */
  readonly handle: (item: Item) => void;
  /** Whether something has not left the process, or waits for its ACK, or neither; `complete` where no other type can be asked for. */
  readonly progress: () => 'writing' | keyof typeof lull;
  readonly onSettled: () => void;
}

/**
 * What a stream has said and nobody has looked at yet, in its order. X22: what it says while it is still given its first answers is looked
 * at in patient turns, one message each. Once nothing waits for an answer it is settled, for good: then small messages, ACKs above all,
 * are handled at once.
 */
export class Inbox<Item> {
  readonly #owner: InboxOwner<Item>;
  readonly #items: Item[] = [];
  #phase: 'closed' | 'coming' | 'settled' | 'stopped' = 'closed';
  #paused = false;
  #cancelLull = () => {};
  /** How many more may be handled at once, and since when the next ones are earned. */
  #allowed = direct.burst;
  #earnedFrom = 0;
  readonly #turn = (): void => this.#handleNext();

  constructor(owner: InboxOwner<Item>) {
    this.#owner = owner;
  }

  /** Takes what came; `bytes`: how large it is. */
  push(item: Item, bytes: number): void {
    const phase = this.#phase;
    if (phase === 'stopped') return;
    const isPlain = phase === 'settled' && this.#items.length === 0 && bytes <= small;
    if (isPlain && this.#mayGoAtOnce()) {
      this.#owner.handle(item);
      return;
    }
    this.#cancelLull();
    this.#items.push(item);
    if (phase !== 'closed') this.#owner.queue.addPatient(this.#turn);
    if (this.#paused || (phase !== 'closed' && this.#items.length < mostWaiting)) return;
    this.#paused = true;
    this.#owner.call.pause();
  }

  /** Begins to hand over, this one before everything else; the call, which was paused meanwhile, goes on. */
  open(first: Item): void {
    this.#phase = 'coming';
    this.#paused = true;
    this.#items.unshift(first);
    this.#owner.queue.addPatient(this.#turn);
  }

  /** Parts of what is being handled, to be handled next, each in a turn of its own. */
  next(parts: readonly Item[]): void {
    if (parts.length === 0) return;
    this.#items.unshift(...parts);
    this.#owner.queue.addPatient(this.#turn);
  }

  /** Something is due to the stream: soon where it is settled, patiently where it is only coming. */
  due(piece: () => void): void {
    if (this.#phase === 'settled') this.#owner.queue.add(piece);
    else this.#owner.queue.addPatient(piece);
  }

  /** What was sent has left the process. */
  written(): void {
    if (this.#phase === 'coming') this.#rest();
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#items.length = 0;
    this.#cancelLull();
  }

  #handleNext(): void {
    const item = this.#items.shift();
    if (item === undefined || this.#phase === 'stopped') return;
    this.#owner.handle(item);
    if (this.#items.length > 0) {
      this.#owner.queue.addPatient(this.#turn);
      return;
    }
    this.#rest();
    if (!this.#paused) return;
    this.#paused = false;
    this.#owner.call.resume();
  }

  #rest(): void {
    this.#cancelLull();
    const { clock, progress, onSettled } = this.#owner;
    const state = progress();
    if (this.#phase !== 'coming' || this.#items.length > 0 || state === 'writing') return;
    this.#cancelLull = clock.after(lull[state], () => {
      this.#phase = 'settled';
      this.#earnedFrom = clock.now();
      onSettled();
    });
  }

  /** The clock is looked at only where the allowance is used up: every ACK comes through here. */
  #mayGoAtOnce(): boolean {
    if (this.#allowed === 0) {
      const now = this.#owner.clock.now();
      const earned = Math.floor(((now - this.#earnedFrom) / 1_000) * direct.perSecond);
      if (earned === 0) return false;
      this.#allowed = Math.min(direct.burst, earned);
      this.#earnedFrom = now;
    }
    this.#allowed -= 1;
    return true;
  }
}
