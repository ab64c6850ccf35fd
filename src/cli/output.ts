import { Failure } from '../model/failure.ts';
import type { Format } from './globals.ts';
import { marks } from './marks.ts';
import { printable, printTable } from './table.ts';
import { yamlText } from './yaml-text.ts';

/** One column of a table; `wide`: only with `-o wide`. */
export interface Column<T> {
  readonly title: string;
  readonly of: (item: T) => string;
  readonly wide?: boolean;
}

/** Where a verb prints. Data goes to stdout, what is said to people to stderr; control characters are escaped (T27). */
export interface Output {
  readonly format: Format;
  /** A table, or `{"apiVersion":"cli.weft.dev/v1","kind":"…List","items":[…]}`. The first column is what `-o name` prints. */
  list<T extends object>(kind: string, items: readonly T[], columns: readonly Column<T>[]): void;
  /** One object, or the lines that say the same. */
  object(kind: string, value: object, lines: readonly string[]): void;
  /** One event of a stream: a JSON line, or a line of text (none when undefined). */
  event(kind: string, value: object, line: string | undefined): void;
  /** A line of data as it is, `export X=…`, a token. */
  line(text: string): void;
  /** Text of several lines that is meant for a file; only its line ends stay as they are. */
  document(text: string): void;
  /** A line for people; silent with `-q`. */
  say(text: string): void;
  /** A line that `-v` asked for. */
  detail(text: string): void;
  failure(failure: Failure): void;
}

export interface OutputOptions {
  readonly format: Format;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

const apiVersion = 'cli.weft.dev/v1';

export function createOutput(options: OutputOptions): Output {
  const { format, stdout, stderr } = options;
  const line = (text: string) => stdout(`${printable(text)}\n`);
  const isJson = format === 'json' || format === 'jsonl';
  const whole = (value: object) => {
    // JSON texts escape control characters by themselves.
    if (format === 'yaml') stdout(yamlText(value));
    else if (format === 'jsonl') stdout(`${JSON.stringify(value)}\n`);
    else stdout(`${JSON.stringify(value, null, 2)}\n`);
  };
  return {
    format,
    list(kind, items, columns) {
      if (isJson || format === 'yaml') return whole({ apiVersion, kind, items });
      const shown = columns.filter((column) => format === 'wide' || column.wide !== true);
      const [first] = columns;
      if (format === 'name') for (const item of items) line(first?.of(item) ?? '');
      else
        stdout(
          printTable(
            shown.map(({ title }) => title),
            items.map((item) => shown.map(({ of }) => of(item))),
          ),
        );
    },
    object(kind, value, lines) {
      if (isJson || format === 'yaml') whole({ apiVersion, kind, ...value });
      else for (const text of lines) line(text);
    },
    event(kind, value, text) {
      if (isJson) stdout(`${JSON.stringify({ apiVersion, kind, ...value })}\n`);
      else if (text !== undefined) line(text);
    },
    line,
    document: (text) => stdout(text.split('\n').map(printable).join('\n')),
    say(text) {
      if (!options.quiet) stderr(`${printable(text)}\n`);
    },
    detail(text) {
      if (options.verbose) stderr(`${printable(text)}\n`);
    },
    failure(failure) {
      const { code, message, hint, where } = failure;
      if (isJson)
        return stdout(
          `${JSON.stringify({ apiVersion, kind: 'Error', code, message, hint, ...(where ? { where } : {}) })}\n`,
        );
      for (const text of failureLines(failure, options.env)) stderr(`${printable(text)}\n`);
      if (options.verbose && failure.stack !== undefined)
        stderr(`${failure.stack.split('\n').map(printable).join('\n')}\n`);
    },
  };
}

/** What happened, where, how to fix it (section 2.6 of experience.md); a hint of several lines keeps them. */
export function failureLines(failure: Failure, env: NodeJS.ProcessEnv): readonly string[] {
  const { bad } = marks(env);
  const [first = '', ...more] = failure.hint.split('\n');
  return [
    `${bad} ${failure.code} ${failure.message}`,
    ...(failure.where === undefined ? [] : [`    where  ${failure.where}`]),
    `    fix    ${first}`,
    ...more.map((text) => `           ${text}`),
  ];
}

/** What any error becomes on the way out: a Failure stays, everything else is a bug of ours and says so. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const words = error instanceof Error ? error.message : String(error);
  const failure = new Failure('WEFT0900', `a bug in weft: ${words}`, 'run it again with -v and report what it prints');
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}
