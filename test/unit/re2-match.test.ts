import { expect, test } from 'vitest';
import { regexProblem } from '../../src/policy/re2.ts';
import { re2Matches } from '../../src/policy/re2-match.ts';

/** An expression, what it matches as a whole, and what it does not. */
const table: readonly (readonly [regex: string, good: readonly string[], bad: readonly string[]])[] = [
  ['', [''], ['a']],
  ['a', ['a'], ['', 'aa', 'b']],
  ['a|bc', ['a', 'bc'], ['abc', 'b']],
  ['(a|b)*c', ['c', 'abac'], ['ab', 'cc']],
  ['a?b+c*', ['b', 'abbcc'], ['a', 'ac']],
  ['(?:a*)*', ['', 'aaa'], ['b']],
  ['(a*)+$', ['', 'aa'], ['b']],
  ['a{2}', ['aa'], ['a', 'aaa']],
  ['a{2,}', ['aa', 'aaaa'], ['a']],
  ['a{1,3}', ['a', 'aaa'], ['', 'aaaa']],
  ['a{,2}', ['a{,2}'], ['aa']],
  ['a{2}b{0}', ['aa'], ['aab']],
  ['a+?b??', ['a', 'aab'], ['b']],
  ['.', ['x', '/'], ['', '\n', 'xx']],
  ['(?s).', ['\n'], []],
  ['[a-c]', ['a', 'b'], ['d', '-']],
  ['[^a-c]', ['d', '\n'], ['a']],
  ['[]a]', [']', 'a'], ['b']],
  ['[a-]', ['-', 'a'], ['b']],
  ['[\\d.]+', ['1.2'], ['a']],
  ['[[:alpha:][:^digit:]]', ['a', '.'], ['1']],
  ['[\\x61-\\x63]', ['b'], ['d']],
  ['\\d\\D\\w\\W\\s\\S', ['1a_- x'], ['aaaaaa']],
  ['\\pL\\PL', ['a1'], ['1a']],
  ['\\p{Greek}', [], ['a']],
  ['\\p{^Lu}', ['a'], ['A']],
  ['\\.\\*\\\\', ['.*\\'], ['abc']],
  ['\\t\\x41\\x{42}\\012', ['\tAB\n'], []],
  ['^a$', ['a'], ['a\n']],
  ['\\Aa\\z', ['a'], ['b']],
  ['(?m)a$\\n^b', ['a\nb'], ['ab']],
  ['a$\\n^b', [], ['a\nb']],
  ['\\ba\\b.*', ['a', 'a b'], ['ab']],
  ['a\\Bb', ['ab'], []],
  ['(?i)aB[c-d]', ['AbC', 'abD'], ['abe']],
  ['(?i:a)B', ['AB', 'aB'], ['ab']],
  ['a(?i)b', ['aB', 'ab'], ['Ab']],
  ['(?i)[^a]', ['b'], ['A', 'a']],
  ['((?i)a)b', ['Ab'], ['AB']],
  ['(?P<x>a)(?<y>b)', ['ab'], ['a']],
  ['(?i-s)a.', ['Ax'], ['A\n']],
  // Bytes are the characters.
  ['.', [], ['é']],
  ['..', ['é'], []],
  ['é', ['é'], ['e']],
  ['[é]', [], ['é']],
  ['\\C\\C', ['é', 'ab'], ['a']],
  ['\\xC3\\xA9', ['é'], []],
];

test.each(table)('P12 %s', (regex, good, bad) => {
  expect(regexProblem(regex)).toBeUndefined();
  for (const value of good) expect([value, re2Matches(regex, value)]).toEqual([value, true]);
  for (const value of bad) expect([value, re2Matches(regex, value)]).toEqual([value, false]);
});

test('T12 no expression takes more than its length times that of the value', () => {
  const started = performance.now();
  for (const regex of ['(a*)*b', '(a|aa)+b', '(a|a?)+b', '(.*)(.*)(.*)(.*)x', '(x+x+)+y'])
    expect(re2Matches(regex, 'a'.repeat(8000) + 'x'.repeat(100))).toBe(regex === '(.*)(.*)(.*)(.*)x');
  expect(performance.now() - started).toBeLessThan(3_000);
});

test('what is beyond any bound is refused by its name, and what RE2 refuses matches nothing', () => {
  expect(() => re2Matches('((a{1,30}){1,30}){1}', 'a'.repeat(500_000))).toThrow('more than can be tried here');
  for (const regex of ['(?=a)', '(a)\\1', 'a**', '[b-a]', '(', '\\Qa\\E', '\\é', '[\\é]'])
    expect(re2Matches(regex, 'a')).toBe(false);
});
