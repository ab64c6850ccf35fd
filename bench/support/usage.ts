import { monitorEventLoopDelay } from 'node:perf_hooks';
import { processorTime, type Usage } from './protocol.ts';

/** Milliseconds between two looks at the event loop; what is reported is how late they came. */
const resolution = 5;

/** Measures this process. `encodes` counts the wire forms made so far. */
export function createMeter(encodes: () => number): { readonly usage: () => Usage; readonly watchLoop: () => object } {
  const delay = monitorEventLoopDelay({ resolution });
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution);
  delay.enable();
  return {
    usage: () => ({
      cpu: processorTime(),
      rss: process.memoryUsage.rss(),
      peakRss: process.resourceUsage().maxRSS * 1024,
      encodes: encodes(),
      loopP99: late(delay.percentile(99)),
      loopMax: late(delay.max),
    }),
    watchLoop() {
      delay.reset();
      return {};
    },
  };
}
