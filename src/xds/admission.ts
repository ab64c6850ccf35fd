import type { Clock } from './clock.ts';
import { createPlaces } from './places.ts';

/** How many streams may begin (X10). */
export interface AdmissionSettings {
  /** New streams per second that are let in for good. */
  readonly perSecond: number;
  /** How many may begin at once after a quiet time. */
  readonly burst: number;
  /** Milliseconds that a stream waits for its turn before it is refused. */
  readonly longestWait: number;
  /** How many may be given their first answers at the same time (X22). */
  readonly atOnce: number;
  /**
   * Milliseconds after which a stream counts no longer among those, even though it has not acknowledged everything; a process that is late
   * itself leaves it its place for longer.
   */
  readonly longestPlace: number;
}

export interface Admission {
  /**
   * Calls back once, in the order of asking: with what says that the stream has all it asked for first, or with undefined when its turn
   * did not come within the longest wait. The returned function gives up. The streams of one `peer` have four places at most, so that no
   * connection keeps the others out.
   */
  enter(peer: string, then: (settle: (() => void) | undefined) => void): () => void;
  stop(): void;
}

interface Waiter {
  readonly peer: string;
  readonly then: (settle: (() => void) | undefined) => void;
  readonly cancel: () => void;
}

/** How many places the streams of one connection may have. */
const placesPerPeer = 4;

/** How often those who wait are looked at, in milliseconds. */
const turn = 2;

/** A bucket of admissions that fills with time, and places for those who begin; who finds none of either waits in line. */
export function createAdmission(settings: AdmissionSettings, clock: Clock): Admission {
  const { perSecond, burst, longestWait, atOnce, longestPlace } = settings;
  const places = createPlaces(atOnce, longestPlace, clock);
  const line = new Set<Waiter>();
  /** In thousandths of an admission. */
  let left = burst * 1_000;
  let filledAt = clock.now();
  let cancelTurn: (() => void) | undefined;
  const placesOf = createTally();

  const admit = ({ peer, then }: Pick<Waiter, 'peer' | 'then'>): (() => void) => {
    left -= 1_000;
    placesOf.add(peer);
    return places.take(then, { left: () => placesOf.remove(peer) });
  };
  const fill = (): void => {
    const now = clock.now();
    left = Math.min(burst * 1_000, left + Math.max(0, now - filledAt) * perSecond);
    filledAt = now;
  };
  const serve = (): void => {
    cancelTurn = undefined;
    fill();
    for (const waiter of line) {
      if (left < 1_000 || !places.free) break;
      if (placesOf.of(waiter.peer) >= placesPerPeer) continue;
      forget(waiter);
      admit(waiter);
    }
    if (line.size > 0) cancelTurn ??= clock.after(turn, serve);
  };

  const forget = (waiter: Waiter): void => {
    if (!line.delete(waiter)) return;
    waiter.cancel();
  };

  return {
    enter(peer, then) {
      fill();
      const mayBegin = left >= 1_000 && places.free && placesOf.of(peer) < placesPerPeer;
      if (line.size === 0 && mayBegin) return admit({ peer, then });
      const waiter: Waiter = {
        peer,
        then,
        cancel: clock.after(longestWait, () => {
          forget(waiter);
          then(undefined);
        }),
      };
      line.add(waiter);
      cancelTurn ??= clock.after(turn, serve);
      return () => forget(waiter);
    },
    stop() {
      cancelTurn?.();
      for (const waiter of line) waiter.cancel();
      line.clear();
      places.stop();
    },
  };
}

/** How many there are of each key. */
function createTally() {
  const counts = new Map<string, number>();
  return {
    of: (key: string): number => counts.get(key) ?? 0,
    add(key: string): void {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    remove(key: string): void {
      const left = (counts.get(key) ?? 1) - 1;
      if (left > 0) counts.set(key, left);
      else counts.delete(key);
    },
  };
}
