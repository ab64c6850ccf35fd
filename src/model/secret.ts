import { inspect } from 'node:util';

/** A value that never reaches a log, a dump or an error text: whatever prints it prints `[redacted]` (T6). */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself: call it only where bytes leave for their owner (a key file, an SDS response, a header). */
  expose(): T {
    return this.#value;
  }

  toJSON(): string {
    return '[redacted]';
  }

  toString(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
