import type { ReadinessProbe } from '../model/workload-group.ts';
import type { ProbeResult } from './probe-result.ts';
import { type ProbeGround, runProbe } from './probe-run.ts';
import { count, nothingKnown, type ProbeTally } from './probe-tally.ts';
import { probeText } from './probe-text.ts';
import type { RunEvent } from './run-event.ts';

/** What is told about probes, without the state of the sidecar. */
export type ProbeEvent =
  | Omit<Extract<RunEvent, { event: 'probing' }>, 'state'>
  | Omit<Extract<RunEvent, { event: 'health' }>, 'state'>;

export interface HealthReport {
  /** Of the probe that found it. */
  readonly version: string;
  readonly healthy: boolean;
  readonly reason: string;
}

/** What the control plane wants probed. */
export interface HealthAnswer {
  readonly joined: boolean;
  readonly group: string;
  readonly version: string;
  readonly probe?: ReadinessProbe;
}

export interface ProbeWatch {
  /** Envoy has a stream: whoever joined is told what is known, and asked what is to be probed. */
  connected(): void;
  stop(): void;
}

/** Times in milliseconds. */
const askAgain = { joining: 500, failed: 1_000, grouped: 10_000 } as const;
const longestTimer = 2 ** 31 - 1;

/**
 * Probes the application as the workload's group says, one test at a time, and tells the control plane what changed, at once. A workload
 * without a group is asked about once for each stream. What is known is told again with every question, so nothing that got lost stays so.
 */
export function createProbeWatch(options: {
  readonly ask: (report: HealthReport | undefined) => Promise<HealthAnswer>;
  readonly ground: ProbeGround;
  readonly onEvent: (event: ProbeEvent) => void;
  /** How often a workload of a group asks whether its probe is still the same; 10 s. */
  readonly askEvery?: number;
}): ProbeWatch {
  const { ask, ground, onEvent, askEvery = askAgain.grouped } = options;
  const startedAt = Date.now();
  let current: { readonly version: string; readonly stop: AbortController } | undefined;
  let tally: ProbeTally = nothingKnown;
  let reason = '';
  let timer: NodeJS.Timeout | undefined;
  let asking = false;
  /** Something was to be told while a question was on its way. */
  let again = false;
  let stopped = false;

  const schedule = (after: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void exchange(), after);
    timer.unref();
  };

  async function exchange(): Promise<void> {
    if (stopped) return;
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    const answer = await ask(report()).catch(() => undefined);
    asking = false;
    if (stopped) return;
    if (answer === undefined) schedule(askAgain.failed);
    else if (!answer.joined) schedule(askAgain.joining);
    else {
      follow(answer);
      if (answer.group !== '') schedule(askEvery);
    }
    if (again) void exchange();
  }

  function report(): HealthReport | undefined {
    if (current === undefined || tally.healthy === undefined) return undefined;
    return { version: current.version, healthy: tally.healthy, reason: tally.healthy ? '' : reason };
  }

  function follow({ version, probe }: HealthAnswer): void {
    if (version === (current?.version ?? '')) return;
    current?.stop.abort();
    current = undefined;
    tally = nothingKnown;
    if (probe === undefined) {
      onEvent({ event: 'probing' });
      return;
    }
    const stop = new AbortController();
    current = { version, stop };
    onEvent({ event: 'probing', probe: probeText(probe.check, ground), period: probe.period });
    void probeOn(probe, stop.signal);
  }

  async function probeOn(probe: ReadinessProbe, over: AbortSignal): Promise<void> {
    await pause(startedAt + probe.initialDelay - Date.now(), over);
    while (!over.aborted) {
      const next = Date.now() + probe.period;
      const result = await runProbe(probe, ground, over);
      if (over.aborted) return;
      take(result, probe);
      await pause(next - Date.now(), over);
    }
  }

  function take(result: ProbeResult, probe: ReadinessProbe): void {
    const before = tally.healthy;
    tally = count(tally, result, probe);
    if (!result.ok) reason = result.reason;
    if (tally.healthy === undefined || tally.healthy === before) return;
    onEvent({ event: 'health', healthy: tally.healthy, ...(tally.healthy ? {} : { reason }) });
    void exchange();
  }

  return {
    connected: () => void exchange(),
    stop() {
      stopped = true;
      clearTimeout(timer);
      current?.stop.abort();
    },
  };
}

/** Waits without keeping the process alive; the end of the probe ends it. */
function pause(milliseconds: number, over: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || over.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      over.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(milliseconds, longestTimer));
    timer.unref();
    over.addEventListener('abort', done);
  });
}
