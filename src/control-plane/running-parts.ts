/** What was started, in order, so that it can be stopped in the reverse order: at the end, or when a start fails half-way. */
export interface RunningParts {
  add(...stops: readonly (() => unknown)[]): void;
  /** Stops every part, whatever the others do; rejects with the first error afterwards. */
  stop(): Promise<void>;
}

/** An empty list of parts; `stop` waits for each before it goes on to the one that was started earlier. */
export function createRunningParts(): RunningParts {
  const stops: (() => unknown)[] = [];
  return {
    add: (...more) => {
      stops.push(...more);
    },
    async stop() {
      const errors: unknown[] = [];
      for (const stop of stops.splice(0).reverse()) {
        try {
          await stop();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}
