import { classEnd, escapeLength } from './re2-atoms.ts';
import { type CharTest, foldCase, not, perlClass, posixClass, unicodeClass, within } from './re2-chars.ts';

/** What an expression of RE2 says; which groups it captures has no part in whether it matches. */
export type Re2Tree =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'at'; readonly place: Re2Place }
  | { readonly kind: 'all'; readonly parts: readonly Re2Tree[] }
  | { readonly kind: 'either'; readonly parts: readonly Re2Tree[] }
  | { readonly kind: 'repeat'; readonly part: Re2Tree; readonly least: number; readonly most: number | undefined };

/** A condition on a place between two bytes. */
export type Re2Place = 'begin' | 'end' | 'line-begin' | 'line-end' | 'word-edge' | 'no-word-edge';

/**
 * Reads an expression in which `regexProblem` found nothing; that refuses all that this does not know. A character of the text is a byte
 * of the expression.
 */
export function re2Tree(regex: string): Re2Tree {
  return new Reader(regex).read();
}

interface Flags {
  readonly foldCase: boolean;
  readonly dotIsAll: boolean;
  readonly lines: boolean;
}

const newLine = 0x0a;
const anyChar: CharTest = () => true;
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: newLine, r: 13, t: 9, v: 11 };

class Reader {
  readonly #regex: string;
  #at = 0;
  #flags: Flags = { foldCase: false, dotIsAll: false, lines: false };

  constructor(regex: string) {
    this.#regex = regex;
  }

  read(): Re2Tree {
    const tree = this.#either();
    if (this.#at < this.#regex.length) throw new RangeError(`"${this.#regex}" is no expression of RE2`);
    return tree;
  }

  #either(): Re2Tree {
    const outer = this.#flags;
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    // Flags hold until the end of their group.
    this.#flags = outer;
    const [only, ...more] = parts;
    return only !== undefined && more.length === 0 ? only : { kind: 'either', parts };
  }

  #sequence(): Re2Tree {
    const parts: Re2Tree[] = [];
    while (this.#at < this.#regex.length && !this.#sees('|') && !this.#sees(')')) {
      const part = this.#part();
      if (part !== undefined) parts.push(this.#repeated(part));
    }
    return { kind: 'all', parts };
  }

  /** Undefined: flags for what follows. */
  #part(): Re2Tree | undefined {
    if (this.#take('(')) return this.#group();
    if (this.#sees('[')) return this.#class();
    if (this.#sees('\\')) return this.#escape();
    const char = this.#next();
    switch (char) {
      case '.':
        return { kind: 'char', test: this.#flags.dotIsAll ? anyChar : (byte) => byte !== newLine };
      case '^':
        return { kind: 'at', place: this.#flags.lines ? 'line-begin' : 'begin' };
      case '$':
        return { kind: 'at', place: this.#flags.lines ? 'line-end' : 'end' };
      default:
        return this.#char(char.charCodeAt(0));
    }
  }

  #char(byte: number): Re2Tree {
    return { kind: 'char', test: this.#cased(within([[byte, byte]])) };
  }

  #cased(test: CharTest): CharTest {
    return this.#flags.foldCase ? foldCase(test) : test;
  }

  #group(): Re2Tree | undefined {
    const [head = '', set, end] = /^\?(?:P?<\w+>|([a-zA-Z-]*)([:)]))/.exec(this.#regex.slice(this.#at)) ?? [];
    this.#at += head.length;
    const outer = this.#flags;
    if (set !== undefined) this.#flags = withFlags(outer, set);
    if (end === ')') return undefined;
    const tree = this.#either();
    if (!this.#take(')')) throw new RangeError(`"${this.#regex}" is no expression of RE2`);
    this.#flags = outer;
    return tree;
  }

  #repeated(part: Re2Tree): Re2Tree {
    const rest = this.#regex.slice(this.#at, this.#at + 24);
    const [written, least, comma, most] = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/.exec(rest) ?? [];
    if (written === undefined) return part;
    this.#at += written.length;
    // Whether it takes much or little first has no part in whether the whole matches.
    this.#take('?');
    if (least === undefined)
      return { kind: 'repeat', part, least: Number(written === '+'), most: written === '?' ? 1 : undefined };
    const low = Number(least);
    const high = comma === undefined ? low : most === '' ? undefined : Number(most);
    return { kind: 'repeat', part, least: low, most: high };
  }

  #escape(): Re2Tree {
    const { letter, text } = this.#escapeText();
    switch (letter) {
      case 'A':
        return { kind: 'at', place: 'begin' };
      case 'z':
        return { kind: 'at', place: 'end' };
      case 'b':
        return { kind: 'at', place: 'word-edge' };
      case 'B':
        return { kind: 'at', place: 'no-word-edge' };
      case 'C':
        return { kind: 'char', test: anyChar };
      default: {
        const set = this.#setOf(letter, text);
        return set === undefined ? this.#char(charOf(letter, text)) : { kind: 'char', test: set };
      }
    }
  }

  /** The escape that stands here, which is then read; `\012` is one, too. */
  #escapeText(): { readonly letter: string; readonly text: string } {
    const length = escapeLength(this.#regex, this.#at);
    if (typeof length === 'string') throw new RangeError(`"${this.#regex}" is no expression of RE2: ${length}`);
    const octal = /^\\0[0-7]{0,2}/.exec(this.#regex.slice(this.#at, this.#at + 4))?.[0];
    const text = octal ?? this.#regex.slice(this.#at, this.#at + length);
    this.#at += text.length;
    return { letter: text[1] ?? '', text };
  }

  /** A class of characters that an escape names; undefined: it is one character. */
  #setOf(letter: string, text: string): CharTest | undefined {
    if (/[dws]/.test(letter)) return this.#cased(perlClass(letter));
    if (/[DWS]/.test(letter)) return not(this.#cased(perlClass(letter.toLowerCase())));
    if (!/[pP]/.test(letter)) return undefined;
    const [, inverted, name = ''] = /^..\{?(\^?)(\w+)/.exec(text) ?? [];
    const test = name === 'Any' ? anyChar : this.#cased(unicodeClass(name));
    return (letter === 'P') === (inverted === '^') ? test : not(test);
  }

  #class(): Re2Tree {
    const length = classEnd(this.#regex, this.#at);
    if (typeof length === 'string') throw new RangeError(`"${this.#regex}" is no expression of RE2: ${length}`);
    const end = this.#at + length - 1;
    this.#at += 1;
    const inverted = this.#take('^');
    const tests: CharTest[] = [];
    while (this.#at < end) {
      const low = this.#member();
      if (typeof low !== 'number') tests.push(low);
      else if (this.#sees('-') && this.#at + 1 < end) {
        this.#at += 1;
        const high = this.#member();
        tests.push(this.#cased(within([[low, typeof high === 'number' ? high : low]])));
      } else tests.push(this.#cased(within([[low, low]])));
    }
    this.#at = end + 1;
    const one: CharTest = (byte) => tests.some((test) => test(byte));
    return { kind: 'char', test: inverted ? not(one) : one };
  }

  /** One member of a class: a character, or several at once. */
  #member(): number | CharTest {
    const [named, inverted, name = ''] = /^\[:(\^?)([a-z]+):\]/.exec(this.#regex.slice(this.#at, this.#at + 20)) ?? [];
    if (named !== undefined) {
      this.#at += named.length;
      const test = this.#cased(posixClass(name));
      return inverted === '^' ? not(test) : test;
    }
    if (!this.#sees('\\')) return this.#next().charCodeAt(0);
    const { letter, text } = this.#escapeText();
    return this.#setOf(letter, text) ?? charOf(letter, text);
  }

  #sees(char: string): boolean {
    return this.#regex[this.#at] === char;
  }

  #take(char: string): boolean {
    if (!this.#sees(char)) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const char = this.#regex[this.#at] ?? '';
    this.#at += 1;
    return char;
  }
}

function withFlags(before: Flags, set: string): Flags {
  const [on = '', off = ''] = set.split('-');
  const flag = (letter: string, was: boolean) => (off.includes(letter) ? false : on.includes(letter) || was);
  return { foldCase: flag('i', before.foldCase), dotIsAll: flag('s', before.dotIsAll), lines: flag('m', before.lines) };
}

/** The one character that an escape stands for. */
function charOf(letter: string, text: string): number {
  if (letter === 'x') return Number.parseInt(text.replace(/[\\x{}]/g, ''), 16);
  if (letter === '0') return Number.parseInt(text.slice(1), 8);
  return (Object.hasOwn(controls, letter) ? controls[letter] : undefined) ?? text.charCodeAt(1);
}
