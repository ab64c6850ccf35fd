/** Which bytes a part of an expression takes, each of them a character of Latin-1. */
export type CharTest = (byte: number) => boolean;

type Ranges = readonly (readonly [low: number, high: number])[];

const digits: Ranges = [[0x30, 0x39]];
const lower: Ranges = [[0x61, 0x7a]];
const upper: Ranges = [[0x41, 0x5a]];
const alpha: Ranges = [...upper, ...lower];
const alnum: Ranges = [...digits, ...alpha];
const word: Ranges = [...alnum, [0x5f, 0x5f]];

/** `[:name:]`, ASCII alone as in RE2. */
const posix: Readonly<Record<string, Ranges>> = {
  alnum,
  alpha,
  ascii: [[0, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: digits,
  graph: [[0x21, 0x7e]],
  lower,
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper,
  word,
  xdigit: [...digits, [0x41, 0x46], [0x61, 0x66]],
};

/** `\d`, `\w`, `\s`: a vertical tab is no space in Perl's classes. */
const perl: Readonly<Record<string, Ranges>> = {
  d: digits,
  w: word,
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
};

const scripts =
  /^(?:Arabic|Armenian|Cyrillic|Devanagari|Georgian|Greek|Han|Hangul|Hebrew|Hiragana|Katakana|Latin|Thai)$/;

/** A byte of the words that `\b` sees. */
export const isWord: CharTest = within(word);

/** One of the given bytes. */
export function within(ranges: Ranges): CharTest {
  return (byte) => ranges.some(([low, high]) => byte >= low && byte <= high);
}

/** The class of `[:name:]` without its `^`. */
export function posixClass(name: string): CharTest {
  return within(posix[name] ?? []);
}

/** The class of `\d`, `\w` or `\s`. */
export function perlClass(letter: string): CharTest {
  return within(perl[letter] ?? []);
}

/** The class of `\p{name}`: a category, a script or `Any`; `name` is one that re2-atoms.ts knows. */
export function unicodeClass(name: string): CharTest {
  const known = new RegExp(`^\\p{${scripts.test(name) ? 'Script=' : ''}${name}}$`, 'u');
  return (byte) => known.test(String.fromCharCode(byte));
}

/** The same without regard to case. */
export function foldCase(test: CharTest): CharTest {
  return (byte) => test(byte) || test(otherCase(byte));
}

export function not(test: CharTest): CharTest {
  return (byte) => !test(byte);
}

/** The same letter in the other case, as far as it has one byte in both: `y` with a diaeresis and `\u00b5` have not. */
function otherCase(byte: number): number {
  const text = String.fromCharCode(byte);
  const lower = text.toLowerCase().charCodeAt(0);
  const other = lower === byte ? text.toUpperCase() : text.toLowerCase();
  const code = other.charCodeAt(0);
  return other.length === 1 && code <= 0xff ? code : byte;
}
