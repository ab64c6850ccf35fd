import { isDeepStrictEqual } from 'node:util';
import { connectionStats, countersSince, diagnoseConnection, isStreamEnd } from './diagnose-connection.ts';
import type { EnvoyAdmin, Stats } from './envoy-admin.ts';
import { type Readiness, readinessOf, readinessStats } from './readiness.ts';
import type { RunEvent } from './run-event.ts';

export interface WatchOptions {
  readonly admin: EnvoyAdmin;
  /** The control plane as the user wrote it. */
  readonly where: string;
  readonly needsCertificate: boolean;
  /** When this Envoy was started, milliseconds since 1970. */
  readonly startedAt: number;
  readonly onEvent: (event: RunEvent) => void;
}

/** Follows one Envoy: call `logLine` for each line of its log and `look` now and then; events come when something changed. */
export interface ConnectionWatch {
  logLine(line: string): void;
  /** Asks Envoy once. Resolves to whether it is ready by now; rejects with EnvoyAdminError when Envoy does not answer. */
  look(): Promise<boolean>;
  /** The newest error of its log, else its newest line; undefined when it said nothing. */
  lastWords(): string | undefined;
}

const KEPT_LINES = 50;

/** Creates the watch of a fresh Envoy. */
export function createConnectionWatch(options: WatchOptions): ConnectionWatch {
  const { admin, onEvent } = options;
  let lines: string[] = [];
  let base: Stats = new Map();
  let connected = false;
  /** Whether it was connected at the last look, and no stream was closed since. */
  let stood = false;
  let ready = false;
  let told: unknown;

  function becameConnected(now: Stats): void {
    base = now;
    lines = [];
    told = undefined;
    connected = true;
    onEvent({ event: 'connected', state: ready ? 'ready' : 'configuring' });
  }

  function tell(failure: ReturnType<typeof diagnoseConnection>): void {
    if (failure === undefined) return;
    const facts = [failure.code, failure.message];
    if (isDeepStrictEqual(facts, told)) return;
    told = facts;
    onEvent({ event: 'problem', state: ready ? 'disconnected' : 'connecting', failure });
  }

  async function readiness(): Promise<Readiness> {
    const stats = await admin.stats(readinessStats);
    const [active, warming] = await Promise.all([
      admin.configDump('dynamic_active_secrets'),
      admin.configDump('dynamic_warming_secrets'),
    ]);
    return readinessOf(stats, { active, warming }, options.needsCertificate);
  }

  return {
    logLine(line) {
      lines.push(line);
      if (isStreamEnd(line)) stood = false;
      if (lines.length > KEPT_LINES) lines = lines.slice(-KEPT_LINES);
    },
    lastWords() {
      const error = lines.findLast((line) => /\]\[(critical|error)\]/.test(line)) ?? lines.at(-1);
      return error?.replace(/^(\[[^\]]*\])+\s*(\[[^\]]*\]\s*)?/, '').slice(0, 300);
    },
    async look() {
      const now = await admin.stats(connectionStats);
      if (now.get('control_plane.connected_state') === 1) {
        // Envoy counts as connected from the start of an attempt on, be it refused a moment later.
        if (!connected && (stood || !ready)) becameConnected(now);
        stood = true;
      } else {
        [connected, stood] = [false, false];
        tell(diagnoseConnection(countersSince(base, now), lines, options.where));
      }
      if (ready) return true;
      const state = await readiness();
      if (!state.ready) return false;
      ready = true;
      const { listeners, clusters, certificate } = state;
      const ms = Date.now() - options.startedAt;
      onEvent({ event: 'ready', state: 'ready', ms, listeners, clusters, ...(certificate ? { certificate } : {}) });
      return true;
    },
  };
}
