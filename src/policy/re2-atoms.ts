const posix = [
  'alnum',
  'alpha',
  'ascii',
  'blank',
  'cntrl',
  'digit',
  'graph',
  'lower',
  'print',
  'punct',
  'space',
  'upper',
  'word',
  'xdigit',
];
/** General categories and the most common scripts; RE2 knows more scripts. */
const properties =
  /^(?:Any|L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cf]?|Arabic|Armenian|Cyrillic|Devanagari|Georgian|Greek|Han|Hangul|Hebrew|Hiragana|Katakana|Latin|Thai)$/;

/** The length of the escape at `start` of an expression of RE2, or what it should have been. */
export function escapeLength(regex: string, start: number): number | string {
  const rest = regex.slice(start, start + 40);
  const next = rest[1];
  if (next === undefined) return 'a character after the last "\\"';
  if (/[1-9]/.test(next) || next === 'k') return 'no back references (RE2 has none)';
  if (next === 'Q' || next === 'E') return 'no \\Q...\\E, escape each character';
  if (next === 'p' || next === 'P') {
    const [written = '', name = ''] =
      /^\\[pP](?:\{\^?(\w+)\}|([A-Z]))/.exec(rest)?.filter((part) => part !== undefined) ?? [];
    return properties.test(name) ? written.length : 'a known character class after "\\p"';
  }
  if (next === 'x') {
    // Envoy's RE2 reads bytes, so there is nothing above FF.
    const written = /^\\x(?:[0-9A-Fa-f]{2}|\{0*[0-9A-Fa-f]{1,2}\})/.exec(rest)?.[0];
    return written?.length ?? 'two hexadecimal digits after "\\x"';
  }
  if (/[A-Za-z]/.test(next) && !/[dDwWsSbBAzafnrtvC]/.test(next)) return `no "\\${next}" (RE2 has none)`;
  if (next > '\x7f') return 'no "\\" before a character that is not ASCII (RE2 has none)';
  return 2;
}

/** The length of the character class at `start`, or what is wrong with it. */
export function classEnd(regex: string, start: number): number | string {
  let at = start + 1;
  if (regex[at] === '^') at += 1;
  const first = at;
  while (at < regex.length) {
    if (regex[at] === ']' && at > first) return at + 1 - start;
    const low = member(regex, at);
    if (typeof low === 'string') return low;
    at += low.length;
    if (regex[at] !== '-' || regex[at + 1] === ']' || at + 1 >= regex.length) continue;
    const high = member(regex, at + 1);
    if (typeof high === 'string') return high;
    // A set such as \d is no end of a range; an escaped character is compared as it stands.
    if (low.set) continue;
    if (high.set || low.char > high.char) return 'a range in rising order between "[" and "]"';
    at += 1 + high.length;
  }
  return 'a "]" for every "["';
}

interface Member {
  readonly length: number;
  readonly char: string;
  /** It stands for several characters. */
  readonly set: boolean;
}

/** One member of a character class: a character, an escape, or `[:name:]`. */
function member(regex: string, at: number): Member | string {
  if (regex.startsWith('[:', at)) {
    const name = /^\[:\^?([a-z]*):\]/.exec(regex.slice(at, at + 20));
    if (name)
      return posix.includes(name[1] ?? '')
        ? { length: name[0].length, char: '', set: true }
        : 'a known name between "[:" and ":]"';
  }
  const char = regex[at] ?? '';
  if (char !== '\\') return { length: 1, char, set: false };
  const length = escapeLength(regex, at);
  if (typeof length === 'string') return length;
  const escaped = regex[at + 1] ?? '';
  if (/[bBAzC]/.test(escaped)) return `no "\\${escaped}" between "[" and "]"`;
  return { length, char: escapedChar(regex.slice(at, at + length)), set: /[dDwWsSpP]/.test(escaped) };
}

const named: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', 0: '\0' };

/** The one character that an escape stands for; empty for a set. */
function escapedChar(escape: string): string {
  const letter = escape[1] ?? '';
  if (letter === 'x') return String.fromCharCode(Number.parseInt(escape.replace(/[\\x{}]/g, ''), 16));
  return Object.hasOwn(named, letter) ? (named[letter] ?? '') : letter;
}
