import { performance } from 'node:perf_hooks';
import type { Steps } from '../model/steps.ts';

/** How long steps go on before others have their turn, in milliseconds. */
const slice = 8;

/** Drives steps, and lets the event loop go round in between. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < slice) continue;
    await new Promise((resolve) => setImmediate(resolve));
    began = performance.now();
  }
}
