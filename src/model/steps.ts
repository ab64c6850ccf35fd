/**
 * A computation in small steps: between two of them others may have their turn. Who drives it decides when (`finish`: never); what it
 * gives does not depend on that.
 */
export type Steps<T> = Generator<void, T, void>;

/** All steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
