import { regexProblem } from './re2.ts';
import type { CharTest } from './re2-chars.ts';
import { re2Matches } from './re2-match.ts';
import { type Re2Tree, re2Tree } from './re2-tree.ts';

/** So many texts of one part are gone on with. */
const most = 32;

/** Tried before all other characters. */
const preferred = [...Buffer.from('aA0/-._ ')];
const others = Array.from({ length: 256 }, (_, byte) => byte);

/**
 * Some texts that an expression of RE2 matches, which show its alternatives. `word` stands where the expression takes any text. Empty for an
 * expression that is none, or of which no text is found.
 */
export function re2Samples(regex: string, word: string): readonly string[] {
  if (regexProblem(regex) !== undefined) return [];
  const found = samples(re2Tree(Buffer.from(regex).toString('latin1')), word);
  const texts = found.map((text) => Buffer.from(text, 'latin1').toString('utf8'));
  return [...new Set(texts)].filter((text) => re2Matches(regex, text));
}

/** Bytes as characters of Latin-1, as in the tree. */
function samples(tree: Re2Tree, word: string): readonly string[] {
  switch (tree.kind) {
    case 'at':
      return [''];
    case 'char':
      return charsOf(tree.test);
    case 'either':
      return tree.parts.flatMap((part) => samples(part, word)).slice(0, most);
    case 'all':
      return sequences(tree.parts.map((part) => samples(part, word)));
    case 'repeat':
      return repeated(tree, word);
    default:
      return tree satisfies never;
  }
}

/** Two, so that one is left where the other is excluded. */
function charsOf(test: CharTest): readonly string[] {
  const taken = [...preferred, ...others].filter((byte) => test(byte));
  return [...new Set(taken)].slice(0, 2).map((byte) => String.fromCharCode(byte));
}

/** The first text of each part in a row, and each other text of a part among first ones. */
function sequences(parts: readonly (readonly string[])[]): readonly string[] {
  if (parts.some((texts) => texts.length === 0)) return [];
  const firsts = parts.map(([first = '']) => first);
  const varied = parts.flatMap((texts, index) => texts.slice(1).map((text) => firsts.with(index, text).join('')));
  return [firsts.join(''), ...varied].slice(0, most);
}

function repeated({ part, least, most: high }: Extract<Re2Tree, { kind: 'repeat' }>, word: string): readonly string[] {
  const takesWord = part.kind === 'char' && [...Buffer.from(word)].every((byte) => part.test(byte));
  const whole = takesWord && word.length >= least && (high === undefined || high >= word.length) ? [word] : [];
  const count = Math.max(least, 1);
  const copies = high === 0 || whole.length > 0 ? [] : samples(part, word).map((text) => text.repeat(count));
  return [...whole, ...copies, ...(least === 0 ? [''] : [])].slice(0, most);
}
