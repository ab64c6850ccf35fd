import type { Failure } from '../model/failure.ts';
import { asFailure, createOutput, type Output } from './output.ts';
import { parseLine } from './program.ts';
import type { ExitCode, Verb, VerbContext } from './verb.ts';

/** The world of one call of the CLI. */
export interface CliWorld {
  readonly words: readonly string[];
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly readInput: () => Promise<string>;
  readonly makeOutputPrivate: () => void;
  readonly onInterrupt: VerbContext['onInterrupt'];
}

/** Runs one line of the CLI. Never rejects: whatever happens becomes words and an exit code of section 2.4. */
export async function runCli(verbs: readonly Verb[], world: CliWorld): Promise<ExitCode> {
  const { words, env, stdout, stderr } = world;
  const base = { quiet: false, verbose: words.includes('-v') || words.includes('--verbose'), env, stdout, stderr };
  // A line that is wrong is answered in the format it asked for, as far as that can be seen.
  let refusals: Output = createOutput({ ...base, format: asksForJson(words) ? 'json' : 'table' });
  try {
    const parsed = parseLine(verbs, words, world.version);
    if (parsed.kind === 'text') {
      stdout(parsed.text);
      return 0;
    }
    if (parsed.kind === 'wrong') return refuse(refusals, parsed.failure);
    const { verb, globals, flags } = parsed.invocation;
    const printing = { ...base, quiet: globals.quiet, verbose: globals.verbose };
    // What a verb prints is JSON where it has no other form, and goes to a file; that it failed is for people, unless they asked for JSON.
    refusals = createOutput({ ...printing, format: globals.output ?? 'table' });
    const output = createOutput({ ...printing, format: globals.output ?? verb.formats[0] ?? 'table' });
    const context: VerbContext = {
      arguments: parsed.invocation.arguments,
      flags,
      globals,
      namespace: globals.namespace ?? nonEmpty(env.WEFT_NAMESPACE) ?? 'default',
      output,
      env,
      cwd: world.cwd,
      readInput: world.readInput,
      makeOutputPrivate: world.makeOutputPrivate,
      onInterrupt: world.onInterrupt,
    };
    return (await verb.run(context)) ?? 0;
  } catch (error) {
    return refuse(refusals, asFailure(error));
  }
}

function refuse(refusals: Output, failure: Failure): ExitCode {
  refusals.failure(failure);
  return 2;
}

function asksForJson(words: readonly string[]): boolean {
  return /(^| )(-o ?|--output[ =])jsonl?( |$)/.test(words.join(' '));
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
