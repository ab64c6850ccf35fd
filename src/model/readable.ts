/** Something current that can be read and watched; level-triggered: a watcher sees the newest value, perhaps not each one. */
export interface Readable<T> {
  get(): T;
  /** Calls `onChange` after every change until the returned function is called. Does not call it for the present value. */
  watch(onChange: (value: T) => void): Unwatch;
}

export type Unwatch = () => void;

/** A Readable that its owner sets. */
export interface Cell<T> extends Readable<T> {
  /** Sets a new value; an identical one (===) wakes nobody. */
  set(value: T): void;
}

/** Creates a cell. Watchers are called synchronously, in the order in which they came; a watcher may unwatch itself. */
export function createCell<T>(initial: T): Cell<T> {
  let current = initial;
  const watchers = new Set<(value: T) => void>();
  return {
    get: () => current,
    set(value) {
      if (value === current) return;
      current = value;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(onChange) {
      const watcher = (value: T) => onChange(value);
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },
  };
}
