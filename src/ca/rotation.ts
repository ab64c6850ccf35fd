import type { Millis } from '../model/policy.ts';

/** Something that is valid for a while (a certificate with its key), and when its successor is to be made. */
export interface Slot<T> {
  readonly value: T;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly renewAt: Millis;
}

/** `current` is served, `next` waits until it is valid. After a failed attempt nothing is tried before `retryAt`. */
export interface RotationState<T> {
  readonly current?: Slot<T>;
  readonly next?: Slot<T>;
  readonly retryAt?: Millis;
}

export type RotationInput<T> =
  | { readonly kind: 'tick'; readonly now: Millis }
  /** `instead`: it replaces the current one even if that would last longer (its signer is no longer to be used). */
  | { readonly kind: 'issued'; readonly now: Millis; readonly slot: Slot<T>; readonly instead?: boolean }
  | { readonly kind: 'failed'; readonly now: Millis };

const shortestRetry: Millis = 1_000;
const longestRetry: Millis = 300_000;

/**
 * One step of a rotation. `next` becomes `current` as soon as it is valid; what has expired is dropped, for Envoy would accept and
 * serve it (E13). An issued slot that gains no time over a valid current one (its signer ends too) counts as a failed attempt.
 */
export function step<T>(state: RotationState<T>, input: RotationInput<T>): RotationState<T> {
  const { now } = input;
  switch (input.kind) {
    case 'tick':
      return settle(state, now);
    case 'issued': {
      const { current } = settle(state, now);
      const gains =
        input.instead || current === undefined || !isValid(current, now) || input.slot.notAfter > current.notAfter;
      if (!gains || input.slot.notAfter <= now) return step(state, { kind: 'failed', now });
      return settle({ ...(current && { current }), next: input.slot }, now);
    }
    case 'failed': {
      const settled = settle(state, now);
      const left = (settled.current?.notAfter ?? now) - now;
      return { ...settled, retryAt: now + Math.min(Math.max(left / 20, shortestRetry), longestRetry) };
    }
    default:
      return input satisfies never;
  }
}

/** True if a successor is to be made now: there is none, nothing valid is held, or the time for renewal has come. */
export function isDue<T>(state: RotationState<T>, now: Millis): boolean {
  if (state.next !== undefined || (state.retryAt !== undefined && now < state.retryAt)) return false;
  const { current } = state;
  return current === undefined || !isValid(current, now) || now >= current.renewAt;
}

/** When the next step has something to do. */
export function wakeAt<T>({ current, next, retryAt }: RotationState<T>): Millis {
  const end = current?.notAfter ?? Number.POSITIVE_INFINITY;
  if (next !== undefined) return Math.min(next.notBefore, end);
  return Math.min(Math.max(current?.renewAt ?? 0, retryAt ?? 0), end);
}

/**
 * When to renew: at 50 % of the life that is left at `issuedAt`, 10 % earlier or later by chance, so that a fleet that started
 * together does not renew together (section 3 of reliability.md). `random` in [0, 1).
 */
export function renewalTime(issuedAt: Millis, notAfter: Millis, random: number): Millis {
  return Math.round(issuedAt + (notAfter - issuedAt) * (0.4 + 0.2 * random));
}

function settle<T>(state: RotationState<T>, now: Millis): RotationState<T> {
  const { next, retryAt } = state;
  if (next !== undefined && isValid(next, now)) return { current: next };
  const current = state.current && now < state.current.notAfter ? state.current : undefined;
  // A next that ended while the machine slept is worth nothing.
  const waiting = next !== undefined && now < next.notAfter ? next : undefined;
  const kept = retryAt !== undefined && now < retryAt && retryAt - now <= longestRetry ? retryAt : undefined;
  if (current === state.current && waiting === next && kept === retryAt) return state;
  return {
    ...(current && { current }),
    ...(waiting && { next: waiting }),
    ...(kept !== undefined && { retryAt: kept }),
  };
}

/** False also before its time: then this machine's clock was set back, and a peer's clock would refuse it (F22). */
function isValid<T>(slot: Slot<T>, now: Millis): boolean {
  return slot.notBefore <= now && now < slot.notAfter;
}
