import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvoyAdmin, Stats } from './envoy-admin.ts';
import type { RunEvent } from './run-event.ts';

export interface StopParts {
  /** Takes the workload out of the registry; resolves with the callers that had not acknowledged. */
  readonly leave: (deadline: number) => Promise<number>;
  readonly admin: EnvoyAdmin;
  /** Ends Envoy and resolves when it has ended. */
  readonly terminate: () => Promise<void>;
  readonly onEvent: (event: RunEvent) => void;
  /** Aborted: somebody cannot wait; Envoy is ended at once. */
  readonly hurry: AbortSignal;
  /** For everything before the end of Envoy, in milliseconds. */
  readonly limit: number;
}

/** Longer than the control plane waits for acknowledgements (5 s). */
const LEAVE_LIMIT_MS = 6_000;
/** Requests that were on their way when the last caller acknowledged (E35). */
const SETTLE_MS = 300;
const POLL_MS = 100;

/**
 * Stops a sidecar so that no request fails (E35, E37): leave the registry, wait for the callers' acknowledgement and 0.3 s, close the
 * inbound listeners, wait until no request is running, end Envoy. Any step that cannot be done is reported and the next one follows.
 */
export async function stopGracefully(parts: StopParts): Promise<void> {
  const { admin, onEvent, hurry } = parts;
  const end = Date.now() + parts.limit;
  onEvent({ event: 'leaving', state: 'leaving' });
  await unlessHurried(hurry, async () => {
    try {
      const pending = await parts.leave(Math.min(LEAVE_LIMIT_MS, parts.limit));
      onEvent({ event: 'left', state: 'leaving', pending });
    } catch (error) {
      onEvent({ event: 'left', state: 'leaving', pending: 0, problem: wordsOf(error) });
    }
  });
  const unfinished = await unlessHurried(hurry, async () => {
    await sleep(SETTLE_MS, undefined, { signal: hurry });
    await admin.post('/drain_listeners?graceful&skip_exit&inboundonly');
    return idle(admin, end, hurry);
  });
  onEvent({ event: 'drained', state: 'draining', unfinished: unfinished ?? 0 });
  await parts.terminate();
  onEvent({ event: 'stopped', state: 'stopped' });
}

/** Waits until no request is running; returns how many still are when `end` comes. */
async function idle(admin: EnvoyAdmin, end: number, hurry: AbortSignal): Promise<number> {
  for (;;) {
    const active = activeRequests(await admin.stats('downstream_rq_active'));
    if (active === 0 || Date.now() >= end) return active;
    await sleep(POLL_MS, undefined, { signal: hurry });
  }
}

/** Requests that are running, without the one that asks (`http.admin`). */
export function activeRequests(stats: Stats): number {
  let active = 0;
  for (const [name, value] of stats)
    if (/^http\..+\.downstream_rq_active$/.test(name) && !name.startsWith('http.admin.')) active += value;
  return active;
}

/** Undefined when it was given up: hurried, or Envoy no longer answers (then there is nothing left to drain). */
async function unlessHurried<T>(hurry: AbortSignal, run: () => Promise<T>): Promise<T | undefined> {
  if (hurry.aborted) return undefined;
  const hurried = new Promise<undefined>((resolve) =>
    hurry.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  return Promise.race([run().catch(() => undefined), hurried]);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
