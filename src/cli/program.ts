import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { Failure } from '../model/failure.ts';
import { type Flag, type Flags, type FlagValues, UsageError } from './flag.ts';
import { type Globals, globalFlags } from './globals.ts';
import type { Verb } from './verb.ts';

/** A line that was understood. */
export interface Invocation {
  readonly verb: Verb;
  readonly arguments: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
  readonly globals: Globals;
}

export type ParsedLine =
  | { readonly kind: 'invocation'; readonly invocation: Invocation }
  /** Help or version was asked for. */
  | { readonly kind: 'text'; readonly text: string }
  /** `globals` as far as the line gave them. */
  | { readonly kind: 'wrong'; readonly failure: Failure };

/** Words of the line without `node` and the script; `version` as `0.1.0`. Never throws for what somebody wrote. */
export function parseLine(verbs: readonly Verb[], words: readonly string[], version: string): ParsedLine {
  // Only as the first word: further on `--version` is a workload's label.
  if (words[0] === '--version' || words[0] === '-V') return { kind: 'text', text: `weft ${version}\n` };
  let found: Invocation | undefined;
  const written: string[] = [];
  const program = createProgram(
    verbs,
    (text) => written.push(text),
    (invocation) => {
      found = invocation;
    },
  );
  try {
    program.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'text', text: written.join('') };
    return { kind: 'wrong', failure: usageFailure(error, words, verbs) };
  }
  if (found === undefined) return { kind: 'text', text: written.join('') };
  const { verb, globals } = found;
  if (globals.output !== undefined && !verb.formats.includes(globals.output)) {
    const message = `"weft ${verb.name}" does not print "${globals.output}"`;
    return { kind: 'wrong', failure: new Failure('WEFT0912', message, `use -o ${verb.formats.join(', -o ')}`) };
  }
  return { kind: 'invocation', invocation: found };
}

function createProgram(
  verbs: readonly Verb[],
  write: (text: string) => void,
  onInvocation: (invocation: Invocation) => void,
): Command {
  const program = new Command('weft');
  // Set before the verbs are made: they inherit both.
  program.exitOverride().configureOutput({ writeOut: write, writeErr: write, outputError: () => undefined });
  program.description('A service mesh of stock Envoy sidecars and one control plane');
  program.addHelpText('after', '\nweft --version prints the version; weft VERB --help tells more about a verb.');
  program.helpCommand(false);
  addFlags(program, globalFlags);
  for (const verb of verbs) {
    const command = place(program, verb.name.split(' ')).description(verb.summary);
    for (const { name, help, required, repeated } of verb.arguments) {
      const inner = repeated === true ? `${name}...` : name;
      command.argument(required === true ? `<${inner}>` : `[${inner}]`, help);
    }
    addFlags(command, verb.flags);
    if (verb.notes !== undefined) command.addHelpText('after', `\n${verb.notes}`);
    command.addHelpText('after', `\nExample:\n  $ ${verb.example}`);
    command.action(() => {
      const globals = flagValues(program, globalFlags);
      const flags = flagValues(command, verb.flags);
      requireFlags(verb.flags, flags);
      onInvocation({ verb, arguments: command.args, flags, globals });
    });
  }
  return program;
}

/** The command of a verb's last word, below those of the words before. */
function place(program: Command, names: readonly string[]): Command {
  let parent = program;
  for (const [index, name] of names.entries()) {
    const existing = index < names.length - 1 ? parent.commands.find((command) => command.name() === name) : undefined;
    parent = existing ?? parent.command(name);
  }
  return parent;
}

function addFlags(command: Command, flags: Flags): void {
  for (const [name, flag] of Object.entries(flags)) command.addOption(optionOf(name, flag));
}

function optionOf(name: string, flag: Flag<unknown>): Option {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const given = flag.kind === 'switch' ? '' : ` <${flag.placeholder ?? 'VALUE'}>`;
  const option = new Option(`${short}--${name}${given}`, flag.required ? `${flag.help} (required)` : flag.help);
  if (flag.kind === 'switch') return option;
  option.argParser((word: string, previous: unknown) => {
    const parsed = parsedBy(flag, word);
    return flag.kind === 'list' ? [...(Array.isArray(previous) ? previous : []), parsed] : parsed;
  });
  if (flag.default !== undefined) option.default(flag.parse(flag.default), flag.default);
  return option;
}

/** After parsing, not by commander: it would tell of a missing flag before it tells of the misspelt one. */
function requireFlags(flags: Flags, given: Readonly<Record<string, unknown>>): void {
  for (const [name, flag] of Object.entries(flags))
    if (flag.required && (given[name] === undefined || (Array.isArray(given[name]) && given[name].length === 0)))
      throw new CommanderError(2, 'weft.missingFlag', `error: "--${name} ${flag.placeholder ?? 'VALUE'}" is missing`);
}

function parsedBy(flag: Flag<unknown>, word: string): unknown {
  try {
    return flag.parse(word);
  } catch (error) {
    if (error instanceof UsageError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function flagValues<F extends Flags>(command: Command, flags: F): FlagValues<F> {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const option = command.options.find(({ long }) => long === `--${name}`);
    const given: unknown = option === undefined ? undefined : command.getOptionValue(option.attributeName());
    if (flag.kind === 'list') return [name, given ?? []];
    // commander keeps `--no-x` as x = false.
    if (flag.kind === 'switch') return [name, name.startsWith('no-') ? given === false : given === true];
    return [name, given];
  });
  return Object.fromEntries(entries) as FlagValues<F>;
}

/** commander's words in ours: what happened, then the name that was meant. */
function usageFailure(error: CommanderError, words: readonly string[], verbs: readonly Verb[]): Failure {
  if (error.code === 'commander.help') {
    const group = words.filter((word) => !word.startsWith('-')).join(' ');
    const line = group === '' ? 'weft' : `weft ${group}`;
    return new Failure('WEFT0912', `"${line}" needs a verb`, `${line} --help lists them`);
  }
  const [first = '', suggestion] = error.message.split('\n');
  const message = first
    .replace(/^error: /, '')
    .replaceAll("'", '"')
    .replace(/\.$/, '');
  const meant = suggestion === undefined ? undefined : /\(Did you mean (?:one of )?(.*)\?\)/.exec(suggestion)?.[1];
  const spoken = words.filter((word) => !word.startsWith('-'));
  const verb = verbs.find(({ name }) => name.split(' ').every((part, index) => part === spoken[index]));
  const help = ['weft', ...(verb === undefined ? [] : [verb.name]), '--help'].join(' ');
  return new Failure('WEFT0912', message, meant === undefined ? help : `did you mean "${meant}"?`);
}
