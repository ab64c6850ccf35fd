import type { Millis } from '../model/policy.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { AuthorityEvent } from './authority-event.ts';
import type { TrustedRoot } from './trusted-root.ts';

/** Life of a leaf unless asked otherwise, and the bounds of what may be asked (section 3 of reliability.md). */
export const defaultLife: Millis = 24 * 3_600_000;
export const shortestLife: Millis = 300_000;

export interface AuthorityOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly trustDomain: string;
  /** Names that it had before: roots that were made under them go on, and new certificates have the new name. */
  readonly former?: readonly string[];
  /** Random bytes for serials; absent: the system's. */
  readonly random?: (size: number) => Uint8Array;
  /** A root from outside (imported-root.ts): the first one, or the next one where another is in force. */
  readonly imported?: TrustedRoot;
  /** What has ended is followed by a new root at the start: nobody holds a certificate that is valid, all join again (F11). */
  readonly replaceEnded?: boolean;
  /** Hears what is made, and each change of what is trusted. */
  readonly observe?: (event: AuthorityEvent) => void;
  /** For tests only: lifts the 5-minute floor of a leaf's life. */
  readonly allowShortLives?: boolean;
}
