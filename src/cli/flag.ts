/** A flag of a verb as a value: what it is called on the line, what it becomes, and its words in the help. */
export interface Flag<T> {
  readonly kind: 'value' | 'switch' | 'list';
  /** What stands for the value in the help, `NAME`; absent for switches. */
  readonly placeholder?: string;
  readonly short?: string;
  readonly help: string;
  readonly required: boolean;
  /** As it would be written on the line. */
  readonly default?: string;
  /** Text on the line → value; throws UsageError with the reason. Switches are not parsed. */
  readonly parse: (text: string) => unknown;
  /** Carries the type alone; never set. */
  readonly is?: T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;
/** The parsed values of a verb's flags, under the names that stand on the line. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

/** What somebody wrote on the command line is not usable; becomes WEFT0912 and exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

interface Words {
  readonly placeholder: string;
  readonly help: string;
  readonly short?: string;
}
type Sure = { readonly required: true } | { readonly default: string };

/** A flag with a value of any kind; without `required` or `default` the value may be undefined. */
export function value<T>(words: Words & Sure, parse: (text: string) => T): Flag<T>;
export function value<T>(words: Words, parse: (text: string) => T): Flag<T | undefined>;
export function value<T>(words: Words & { required?: true; default?: string }, parse: (text: string) => T): Flag<T> {
  return { kind: 'value', required: false, ...words, parse };
}

export function text(words: Words & Sure): Flag<string>;
export function text(words: Words): Flag<string | undefined>;
export function text(words: Words & { required?: true; default?: string }): Flag<string | undefined> {
  return { kind: 'value', required: false, ...words, parse: (given) => given };
}

/** May be given several times; an empty list when it is not, unless it is `required`. */
export function list(words: Words & { readonly required?: true }): Flag<readonly string[]> {
  return { kind: 'list', required: false, ...words, parse: (given) => given };
}

/** On or off; off when it is not there. */
export function onOff(words: Omit<Words, 'placeholder'>): Flag<boolean> {
  return { kind: 'switch', required: false, ...words, parse: () => true };
}

/** A whole number within bounds, for `value`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (given) => {
    const number = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new UsageError(`"${given}" is not a whole number from ${least} to ${most}`);
  };
}

/** A port, for `value`. */
export const port = wholeNumber(1, 65_535);

/** The port that all others are counted from, for `value`; where it ends is not plain from the number. */
export function portBase(least: number): (text: string) => number {
  const most = 26_000;
  const number = wholeNumber(least, most);
  return (given) => {
    try {
      return number(given);
    } catch (error) {
      if (!(error instanceof UsageError) || !(Number(given) > most)) throw error;
      throw new UsageError(
        `${error.message}: local ports start at PORT + 6000, and those from 32768 on are for outgoing connections`,
      );
    }
  };
}

/** One of a few words, for `value`. */
export function oneOf<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (given) => {
    const found = words.find((word) => word === given);
    if (found !== undefined) return found;
    throw new UsageError(`"${given}" is none of ${words.join(', ')}`);
  };
}

/** A commit as git knows it, an id, `HEAD` or a branch, for `value`. What begins with "-" would be an option of git. */
export function commitName(given: string): string {
  if (/^[^\s-]\S*$/.test(given)) return given;
  throw new UsageError(`"${given}" is not a commit; write an id, or HEAD`);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `1h`, `7d` → milliseconds, for `value`. */
export function duration(given: string): number {
  const [, number, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(given) ?? [];
  const factor = UNITS[unit];
  if (number === undefined || factor === undefined)
    throw new UsageError(`"${given}" is not a duration; write 90s, 5m, 1h or 7d`);
  return Number(number) * factor;
}
