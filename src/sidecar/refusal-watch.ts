import type { Refusal } from '../proto/gen/weft/v1/membership_pb.ts';
import type { RunEvent } from './run-event.ts';

/** What happens to refusals, without the state of the sidecar. */
export type RefusalEvent =
  | Omit<Extract<RunEvent, { event: 'refused' }>, 'state'>
  | Omit<Extract<RunEvent, { event: 'accepted' }>, 'state'>;

/** One resource that is not given, as the control plane tells it. */
type Standing = Pick<Refusal, 'type' | 'resource' | 'message' | 'at' | 'file' | 'line' | 'commit'>;

export interface RefusalWatch {
  /** Each line of Envoy's log. */
  logLine(line: string): void;
  stop(): void;
}

/** Envoy says what it refused once; only the control plane knows the line that led to it, and when it is over. */
const refusedLine = /\b(?:delta|gRPC) config for (\S+) rejected: (.*)$/;

/** What a response holds that was refused is found within a second; then the look-out becomes rarer. */
const firstLook = 1_000;
const rarestLook = 5_000;

/**
 * Tells of each refusal once, and once when it is over. At rest it asks nobody: a line of Envoy's log begins it, and it ends with the last
 * refusal. Where the control plane cannot be asked Envoy's words are told alone.
 */
export function createRefusalWatch(options: {
  readonly ask: () => Promise<readonly Standing[]>;
  readonly onEvent: (event: RefusalEvent) => void;
}): RefusalWatch {
  const { ask, onEvent } = options;
  let told = new Map<string, Standing>();
  /** Envoy's words, by type, that were not told yet. */
  let words = new Map<string, string>();
  const alone = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let wait = firstLook;
  let stopped = false;

  function schedule(): void {
    timer ??= setTimeout(() => void look(), wait);
    timer.unref();
  }

  async function look(): Promise<void> {
    const standing = await ask().catch(() => undefined);
    timer = undefined;
    if (stopped) return;
    if (standing === undefined) tellWords();
    else {
      words = new Map();
      compare(new Map(standing.map((each) => [`${each.type} ${each.resource} ${each.at}`, each])));
    }
    wait = Math.min(rarestLook, wait * 2);
    if (told.size > 0 || words.size > 0) schedule();
  }

  function compare(now: Map<string, Standing>): void {
    for (const [key, { type, resource, message, file, line, commit }] of now)
      if (!told.has(key)) {
        const place = file === '' ? {} : { place: `${file}:${line} (${commit})` };
        onEvent({ event: 'refused', type, resource, message, ...place });
      }
    const names = new Set(Array.from(now.values(), ({ type, resource }) => `${type} ${resource}`));
    // What is refused again in another form is told as that.
    for (const [key, { type, resource }] of told)
      if (!now.has(key) && !names.has(`${type} ${resource}`)) onEvent({ event: 'accepted', type, resource });
    told = now;
  }

  function tellWords(): void {
    for (const [type, message] of words) {
      if (alone.has(message)) continue;
      alone.add(message);
      onEvent({ event: 'refused', type, resource: '', message });
    }
    words = new Map();
  }

  return {
    logLine(line) {
      const [, typeUrl, message] = refusedLine.exec(line) ?? [];
      if (typeUrl === undefined || message === undefined || stopped) return;
      words.set(typeUrl.slice(typeUrl.lastIndexOf('.') + 1), message);
      wait = firstLook;
      schedule();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
