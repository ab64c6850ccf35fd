import { lengthenedOf, nearestOf } from './nearest.ts';

/**
 * What a value must be, as data: TypeScript says the same to those who use it, and this to those who write JavaScript. `fields` knows every
 * name that may stand in an object; in an object that does something (`open`) further names are its own affair, unless they are nearly one
 * that is missing.
 */
export type Kind =
  | { readonly kind: 'plain'; readonly words: string; readonly is: (value: unknown) => boolean }
  | {
      readonly kind: 'fields';
      readonly words: string;
      readonly fields: Fields;
      readonly open: boolean;
      /** What others call a field. */
      readonly synonyms: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'list'; readonly words: string; readonly item: Kind }
  | { readonly kind: 'either'; readonly words: string; readonly plain: unknown; readonly other: Kind };

/** Names, what stands under them, and whether it has to. */
export type Fields = Readonly<Record<string, Field>>;

interface Field {
  readonly of: Kind;
  readonly required: boolean;
  /** It may be there and is not looked at, so it is suggested to nobody. */
  readonly unread?: true;
}

export const required = (of: Kind): Field => ({ of, required: true });
export const optional = (of: Kind): Field => ({ of, required: false });

const plain = (words: string, is: (value: unknown) => boolean): Kind => ({ kind: 'plain', words, is });
export const unread: Field = { of: plain('anything', () => true), required: false, unread: true };
const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value);

/** Timers of Node count in 32 bits; a longer one would run at once. */
const longestTime = 2 ** 31 - 1;

export const text = plain('a text that is not empty', (value) => typeof value === 'string' && value !== '');
export const pem = plain(
  'a text in PEM, as readFileSync(file, "utf8") gives it',
  (value) => typeof value === 'string' && value !== '',
);
export const bytes = plain('bytes (a Uint8Array)', (value) => value instanceof Uint8Array);
export const called = plain('a function', (value) => typeof value === 'function');
export const port = plain(
  'a whole number from 0 to 65535',
  (value) => Number.isInteger(value) && isNumber(value) && value >= 0 && value <= 65_535,
);
export const milliseconds = plain(
  'a number of milliseconds from 0 to 2^31-1',
  (value) => isNumber(value) && value >= 0 && value <= longestTime,
);
export const someMilliseconds = plain(
  'a number of milliseconds from 1 to 2^31-1',
  (value) => isNumber(value) && value >= 1 && value <= longestTime,
);
/** Spread by a tenth, it must still be a timer's. */
export const age = plain(
  'a number of milliseconds from 1 to 1.9e9',
  (value) => isNumber(value) && value >= 1 && value <= 1.9e9,
);
export const lifetime = plain(
  'a number of milliseconds above 0',
  (value) => isNumber(value) && value > 0 && Number.isFinite(value),
);
/** A status of gRPC with which a call ends early. */
export const failureCode = plain(
  'a status code of gRPC from 1 to 16',
  (value) => isNumber(value) && Number.isInteger(value) && value >= 1 && value <= 16,
);
export const anyText = plain('a text', (value) => typeof value === 'string');
const isCount = (value: unknown): value is number => Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
/** Infinity: as many as come. */
export const some = plain('a whole number from 1 on', (value) => isCount(value) && value >= 1);
export const someOrNone = plain('a whole number from 0 on', (value) => isCount(value) && value >= 0);
export const rate = plain('a number above 0', (value) => isNumber(value) && value > 0 && Number.isFinite(value));
export const size = plain(
  'a whole number of bytes from 1 to 2^31-1',
  (value) => isNumber(value) && Number.isInteger(value) && value >= 1 && value < 2 ** 31,
);
export const array = plain('an array', (value) => Array.isArray(value));
export const map = plain('a Map', (value) => value instanceof Map);
export const typeUrl = plain(
  'a type URL, "type.googleapis.com/…"',
  (value) => typeof value === 'string' && value.includes('/'),
);
export const oneOf = (...words: readonly string[]): Kind =>
  plain(words.map((word) => `"${word}"`).join(' or '), (value) => words.some((word) => word === value));
export const either = (plainValue: unknown, other: Kind): Kind => ({
  kind: 'either',
  words: `${JSON.stringify(plainValue)} or ${other.words}`,
  plain: plainValue,
  other,
});
export const list = (item: Kind): Kind => ({ kind: 'list', words: 'an array', item });
export const fields = (of: Fields, synonyms: Readonly<Record<string, string>> = {}, words = 'an object'): Kind => ({
  kind: 'fields',
  words,
  fields: of,
  open: false,
  synonyms,
});
export const behaviour = (words: string, of: Fields): Kind => ({
  kind: 'fields',
  words,
  fields: of,
  open: true,
  synonyms: {},
});

/**
 * Throws a TypeError that names what is wrong, all at once; `what` is the function that was called, and `named` the value itself where its
 * fields are told without it.
 */
export function check(what: string, value: unknown, kind: Kind, path = '', named = quoted(path)): void {
  if (fits(value, kind)) return;
  const complaints: string[] = [];
  look(value, kind, path, complaints, named);
  if (complaints.length > 0) throw new TypeError(`${what}: ${complaints.join('; ')}`);
}

/** The quick answer for what is called often: it makes nothing. Where it says no, the words are looked for. */
function fits(value: unknown, kind: Kind): boolean {
  if (kind.kind === 'plain') return kind.is(value);
  if (kind.kind === 'list') return Array.isArray(value) && value.every((item) => fits(item, kind.item));
  if (kind.kind !== 'fields' || typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (!kind.open) for (const name in value) if (!Object.hasOwn(kind.fields, name)) return false;
  for (const name in kind.fields) {
    const field = kind.fields[name];
    const member: unknown = Reflect.get(value, name);
    if (field !== undefined && (member === undefined ? field.required || kind.open : !fits(member, field.of)))
      return false;
  }
  return true;
}

function look(value: unknown, kind: Kind, path: string, complaints: string[], named = quoted(path)): void {
  switch (kind.kind) {
    case 'plain':
      if (!kind.is(value)) complaints.push(mismatch(named, kind, value));
      return;
    case 'either':
      if (value === kind.plain) return;
      if (typeof value === 'object' && value !== null) look(value, kind.other, path, complaints);
      else complaints.push(mismatch(named, kind, value));
      return;
    case 'list':
      if (!Array.isArray(value)) complaints.push(mismatch(named, kind, value));
      else for (const [index, item] of value.entries()) look(item, kind.item, `${path}[${index}]`, complaints);
      return;
    case 'fields':
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        complaints.push(mismatch(named, kind, value));
      else lookAtFields(new Map<string, unknown>(Object.entries(value)), value, kind, path, complaints);
      return;
    default:
      kind satisfies never;
  }
}

function lookAtFields(
  own: ReadonlyMap<string, unknown>,
  value: object,
  { fields: known, open, synonyms }: Extract<Kind, { kind: 'fields' }>,
  path: string,
  complaints: string[],
): void {
  const within = path === '' ? '' : `${path}.`;
  /** Methods and getters of a class stand in its prototype. */
  const valueOf = (name: string): unknown => Reflect.get(value, name);
  const names = Object.keys(known).filter((name) => known[name]?.unread === undefined);
  const missing = names.filter((name) => valueOf(name) === undefined);
  const meant = new Set<string>();
  // In an object that does something a shortened name says only what is meant by it where that has to be there, and is not.
  const shortened = open ? missing.filter((name) => known[name]?.required === true) : names;
  for (const name of own.keys()) {
    if (Object.hasOwn(known, name)) continue;
    const near =
      (Object.hasOwn(synonyms, name) ? synonyms[name] : undefined) ??
      nearestOf(name, open ? missing : names) ??
      lengthenedOf(name, shortened);
    if (open && near === undefined) continue;
    if (near !== undefined) meant.add(near);
    const hint = near === undefined ? `there are ${names.join(', ')}` : `did you mean "${near}"?`;
    complaints.push(`unknown name "${within}${name}": ${hint}`);
  }
  for (const [name, field] of Object.entries(known)) {
    const member = valueOf(name);
    if (member !== undefined) look(member, field.of, `${within}${name}`, complaints);
    else if (field.required && !meant.has(name)) complaints.push(`"${within}${name}" is missing: ${field.of.words}`);
  }
}

function mismatch(named: string, { words }: Kind, value: unknown): string {
  return `${named} must be ${words}, got ${shown(value)}`.trimStart();
}

function quoted(path: string): string {
  return path === '' ? '' : `"${path}"`;
}

/** A value in a message: short, on one line, and nothing of a long text, since that may be a key. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 40 ? `a text of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (isThenable(value)) return 'a promise: await it';
  const names = Object.keys(value);
  return names.length === 0 ? 'an empty object' : `an object with ${names.slice(0, 5).join(', ')}`;
}

/** What `await` waits for: a promise of this or another making. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}

/** The defaults with what was given in their place; a name without a value keeps its default. */
export function withDefaults<Settings extends object>(defaults: Settings, given: Partial<Settings> = {}): Settings {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(said) };
}
