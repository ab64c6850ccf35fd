import { afterEach } from 'vitest';

/** A list for what must be stopped after each test of a file, last first. */
export function stoppedAfterEach(): { push(stop: () => Promise<void> | void): unknown } {
  const running: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const stop of running.splice(0).reverse()) await stop();
  });
  return running;
}
