import { runCli } from '../../src/cli/run-cli.ts';
import type { Verb } from '../../src/cli/verb.ts';
import { verbs } from '../../src/cli/verbs.ts';

export interface VerbOptions {
  readonly cwd: string;
  /** Besides the language, which is always that of these tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly verbs?: readonly Verb[];
  /** What is read from standard input. */
  readonly input?: string;
}

/** What a verb wrote so far. */
export interface Written {
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they were written. */
  readonly said: string;
  /** Whether what it wrote was to be for its user alone. */
  readonly isPrivate: boolean;
}

export interface VerbResult extends Written {
  readonly code: number;
}

export interface StartedVerb {
  /** Grows while the verb runs. */
  readonly said: Written;
  readonly code: Promise<number>;
  /** As a signal to its process; a second time: at once. */
  stop(signal?: 'SIGINT' | 'SIGTERM'): void;
}

/** Starts one verb in this process; `words` as after `weft`. */
export function startVerb(words: readonly string[], options: VerbOptions): StartedVerb {
  const written = { stdout: '', stderr: '', said: '', isPrivate: false };
  const writeTo = (name: 'stdout' | 'stderr') => (text: string) => {
    written[name] += text;
    written.said += text;
  };
  let interrupt: ((signal: 'SIGINT' | 'SIGTERM') => void) | undefined;
  const code = runCli(options.verbs ?? verbs, {
    words,
    version: '0.1.0',
    env: { LANG: 'C.UTF-8', ...options.env },
    cwd: options.cwd,
    stdout: writeTo('stdout'),
    stderr: writeTo('stderr'),
    readInput: async () => options.input ?? '',
    makeOutputPrivate: () => {
      written.isPrivate = true;
    },
    onInterrupt: (listener) => {
      interrupt = listener;
    },
  });
  return { said: written, code, stop: (signal = 'SIGTERM') => interrupt?.(signal) };
}

/** Runs one verb in this process to its end. */
export async function runVerb(words: readonly string[], options: VerbOptions): Promise<VerbResult> {
  const { said, code } = startVerb(words, options);
  const ended = await code;
  return { code: ended, ...said };
}
