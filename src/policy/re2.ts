import { classEnd, escapeLength } from './re2-atoms.ts';

/** P12: the longest regular expression. */
const longestRegex = 1024;
/** The largest program that Weft's Envoys accept: the bootstrap sets `re2.max_program_size.error_level` to this; Envoy's own is 100. */
const largestProgram = 32_768;

/** What a part of the expression costs: instructions, and the product of the repetitions nested in it. */
interface Cost {
  readonly size: number;
  readonly repeated: number;
}

/**
 * Why Envoy's RE2 would refuse `regex`, or undefined. Looks at the text only: what users write never becomes a RegExp here (T12).
 * Errs on the side of refusing: look-around, back references, atomic groups and possessive quantifiers are Perl's, not RE2's.
 */
export function regexProblem(regex: string): string | undefined {
  if (regex.length > longestRegex) return `at most ${longestRegex} characters`;
  return new Scanner(regex).scan();
}

/** Why `rewrite` cannot follow a match of `regex`: `\\1` to `\\9` name groups that it has, and `\\\\` is a backslash. */
export function rewriteProblem(regex: string, rewrite: string): string | undefined {
  const groups = groupCount(regex);
  for (const [reference, named = ''] of rewrite.matchAll(/\\(.?)/gs)) {
    if (named === '\\' || (/\d/.test(named) && Number(named) <= groups)) continue;
    return `a group of the expression (it has ${groups}) after "\\", not "${reference}"`;
  }
  return undefined;
}

function groupCount(regex: string): number {
  let count = 0;
  for (let at = 0; at < regex.length; at++) {
    if (regex[at] === '\\') at += 1;
    else if (regex[at] === '[') {
      const length = classEnd(regex, at);
      at += typeof length === 'number' ? length - 1 : 0;
    } else if (regex[at] === '(' && (regex[at + 1] !== '?' || /^\(\?P?</.test(regex.slice(at, at + 4)))) count += 1;
  }
  return count;
}

class Scanner {
  readonly #regex: string;
  readonly #groups: Cost[] = [];
  #at = 0;
  /** The group that is open. */
  #group: Cost = { size: 0, repeated: 1 };
  /** What a quantifier would repeat. */
  #last: Cost | undefined;

  constructor(regex: string) {
    this.#regex = regex;
  }

  scan(): string | undefined {
    while (this.#at < this.#regex.length) {
      const problem = this.#step();
      if (problem) return problem;
    }
    this.#keep(undefined);
    if (this.#groups.length > 0) return 'a ")" for every "("';
    return this.#group.size > largestProgram ? 'a smaller one: its repetitions are too many' : undefined;
  }

  #step(): string | undefined {
    const char = this.#regex[this.#at];
    if (char === '\\') return this.#atom(escapeLength(this.#regex, this.#at), 8);
    if (char === '[') {
      const end = classEnd(this.#regex, this.#at);
      return this.#atom(end, typeof end === 'number' ? end + 7 : 0);
    }
    if (char === '(') return this.#open();
    if (char === ')') return this.#close();
    if (char === '*' || char === '+' || char === '?') return this.#repeat(1, char);
    const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#regex.slice(this.#at, this.#at + 24));
    if (counted) return this.#count(counted);
    if (char === '|' || char === '^') {
      this.#keep(undefined);
      this.#at += 1;
      this.#group = { ...this.#group, size: this.#group.size + 1 };
      return undefined;
    }
    return this.#atom(1, 3);
  }

  #atom(length: number | string, size: number): string | undefined {
    if (typeof length === 'string') return length;
    this.#keep({ size, repeated: 1 });
    this.#at += length;
    return undefined;
  }

  #open(): string | undefined {
    const head =
      /^\((?:\?(?:P?<[A-Za-z_]\w*>|([imsU]+(?:-[imsU]+)?|-[imsU]+)?([:)])))?/.exec(this.#regex.slice(this.#at))?.[0] ??
      '(';
    if (head === '(' && this.#regex[this.#at + 1] === '?')
      return 'no look-around, conditions or atomic groups (RE2 has none)';
    this.#keep(undefined);
    this.#at += head.length;
    if (head.endsWith(')')) return head === '(?)' ? 'a flag after "(?"' : undefined;
    this.#groups.push(this.#group);
    this.#group = { size: 0, repeated: 1 };
    return undefined;
  }

  #close(): string | undefined {
    this.#keep(undefined);
    const outer = this.#groups.pop();
    if (!outer) return 'a "(" for every ")"';
    this.#last = { size: this.#group.size + 2, repeated: this.#group.repeated };
    this.#group = outer;
    this.#at += 1;
    return undefined;
  }

  #count([written = '', least = '', comma, most = '']: RegExpExecArray): string | undefined {
    const low = Number(least);
    const high = most === '' ? low : Number(most);
    if (low > 1000 || high > 1000) return 'at most 1000 repetitions';
    if (high < low) return 'repetitions in rising order';
    return this.#repeat(Math.max(1, comma && most === '' ? low + 1 : high), written);
  }

  #repeat(times: number, written: string): string | undefined {
    if (!this.#last) return `something before "${written}" to repeat`;
    const { size, repeated } = this.#last;
    if (repeated * times > 1000) return 'at most 1000 repetitions, nested ones multiplied';
    this.#keep(undefined, { size: (size + 2) * times, repeated: repeated * times });
    this.#at += written.length;
    if (this.#regex[this.#at] === '?') this.#at += 1;
    return undefined;
  }

  /** Adds what came last (or `instead` of it) to the open group; `next` can be repeated now. */
  #keep(next: Cost | undefined, instead = this.#last): void {
    if (instead) {
      const { size, repeated } = this.#group;
      this.#group = { size: size + instead.size, repeated: Math.max(repeated, instead.repeated) };
    }
    this.#last = next;
  }
}
