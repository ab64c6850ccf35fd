import type { Flags, FlagValues } from './flag.ts';
import type { Format, Globals } from './globals.ts';
import type { Output } from './output.ts';

/** A word on the line that is no flag. The last one of a verb may be repeated. */
export interface Argument {
  readonly name: string;
  readonly help: string;
  readonly required?: boolean;
  readonly repeated?: boolean;
}

/** What a verb is run with: everything that comes from outside, so that tests hand in their own. */
export interface VerbContext<F extends Flags = Flags> {
  /** By position; a repeated argument's words follow one another. */
  readonly arguments: readonly string[];
  readonly flags: FlagValues<F>;
  readonly globals: Globals;
  /** `-n`, else WEFT_NAMESPACE, else `default`. */
  readonly namespace: string;
  readonly output: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly readInput: () => Promise<string>;
  /** What is printed from now on is secret: where stdout is a file, only its owner may read it (0600). */
  readonly makeOutputPrivate: () => void;
  /** Takes over ctrl-c and SIGTERM; without it they end the process at once. */
  readonly onInterrupt: (listener: (signal: 'SIGINT' | 'SIGTERM') => void) => void;
}

/** One verb as a value: its help, its reference page and its parsing come from it (section 2.1 of experience.md). */
export interface Verb<F extends Flags = Flags> {
  /** `run`, `token create`. */
  readonly name: string;
  readonly summary: string;
  /** What the columns mean, where their titles do not say it. */
  readonly notes?: string;
  /** A line that works when typed. */
  readonly example: string;
  readonly arguments: readonly Argument[];
  readonly flags: F;
  /** What `-o` may say here, the default first. */
  readonly formats: readonly Format[];
  /** Imports its work when called, so that the entry file stays light; resolves to an exit code of section 2.4, nothing is 0. */
  readonly run: (context: VerbContext<F>) => Promise<ExitCode | undefined>;
}

export type ExitCode = 0 | 1 | 2 | 130;

/** Checks a verb's types and forgets those of its flags, so that verbs fit in one list. */
export function defineVerb<const F extends Flags>(verb: Verb<F>): Verb {
  return verb as unknown as Verb;
}
