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

export interface VerbResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they were written. */
  readonly said: string;
  /** Whether what it wrote was to be for its user alone. */
  readonly isPrivate: boolean;
}

/** Runs one verb in this process; `words` as after `weft`. */
export async function runVerb(words: readonly string[], options: VerbOptions): Promise<VerbResult> {
  const written = { stdout: '', stderr: '', said: '', isPrivate: false };
  const writeTo = (name: 'stdout' | 'stderr') => (text: string) => {
    written[name] += text;
    written.said += text;
  };
  const code = await runCli(options.verbs ?? verbs, {
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
    onInterrupt: () => undefined,
  });
  return { code, ...written };
}
