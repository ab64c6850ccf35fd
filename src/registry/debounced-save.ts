import type { Clock, StateStore } from '../model/state-store.ts';

export interface DebouncedSave {
  /** Something changed: it is written soon, together with what changes meanwhile. */
  changed(): void;
  /** Writes now what is not written yet. Rejects if the store does. */
  flush(): Promise<void>;
  /** Why the last write failed; undefined if it did not. */
  problem(): string | undefined;
}

const delay = 200;
const retryDelay = 5_000;

/** Writes a state to a key of the store a moment after it changes, never twice at a time; a failed write is tried again. */
export function createDebouncedSave(
  store: StateStore,
  clock: Clock,
  key: string,
  bytes: () => Uint8Array,
): DebouncedSave {
  let cancel: (() => void) | undefined;
  let unsaved = false;
  let problem: string | undefined;
  let writing: Promise<void> = Promise.resolve();

  const plan = (after: number) => {
    cancel ??= clock.after(after, () => {
      cancel = undefined;
      void write().catch(() => plan(retryDelay));
    });
  };
  const write = (): Promise<void> => {
    const next = writing
      .catch(() => undefined)
      .then(async () => {
        if (!unsaved) return;
        unsaved = false;
        try {
          await store.write(key, bytes());
          problem = undefined;
        } catch (error) {
          unsaved = true;
          problem = error instanceof Error ? error.message : String(error);
          throw error;
        }
      });
    writing = next;
    return next;
  };
  return {
    changed() {
      unsaved = true;
      plan(delay);
    },
    flush() {
      cancel?.();
      cancel = undefined;
      return write();
    },
    problem: () => problem,
  };
}
