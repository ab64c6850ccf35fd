import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/model/nearest-name.ts';
import { parseDuration } from '../../src/policy/duration.ts';
import { regexProblem } from '../../src/policy/re2.ts';

describe('words', () => {
  it.each([
    ['1.5s', 1500],
    ['100ms', 100],
    ['1h2m3s', 3_723_000],
    ['0s', 0],
    ['0.001s', 1],
    ['1000000ns', 1],
    ['.5s', 500],
  ])('the duration %s is %d ms', (text, millis) => {
    expect(parseDuration(text)).toBe(millis);
  });

  it.each(['', '5', '-1s', '1 s', '1.5ms', '1d', 's', '1..5s', '1s '])('"%s" is no duration', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    '^/a/[^/]+$',
    '(?i)abc',
    'a{2,5}?',
    '\\d+\\.\\p{L}',
    '[[:alpha:]-]]*',
    '(?P<x>a|b)',
    '',
    '\\x{FF}',
    '[\\x41-\\x5a_-]',
    '[a-z]{10}',
    'a|',
    '[a\\]]',
    '{',
    'x{a}',
  ])('RE2 knows %s', (regex) => {
    expect(regexProblem(regex)).toBeUndefined();
  });

  it.each([
    '(?=a)',
    'a(?!b)',
    '(?<=a)b',
    '(?<!a)b',
    '(a)\\1',
    '(?>a)',
    'a++',
    '(a',
    'a)',
    '[a',
    '*a',
    'a**',
    'a{1001}',
    'a{3,2}',
    '\\',
    '\\k<a>',
    '(?#x)',
    '\\x{1F600}',
    '[b-a]',
    '[[:foo:]]',
    '((a{100}){100}){100}',
    'a{1000}'.repeat(40),
    '\\pQ',
    'x'.repeat(1025),
  ])('RE2 does not know %s', (regex) => {
    expect(regexProblem(regex)).toBeTypeOf('string');
  });

  it('suggests one near name, or none', () => {
    expect(nearestName('wieght', ['destination', 'weight', 'headers'])).toBe('weight');
    expect(nearestName('foo', ['weight'])).toBeUndefined();
    expect(nearestName('retires', ['retries', 'rewrite'])).toBe('retries');
    expect(nearestName('url', ['uri', 'port'])).toBe('uri');
  });
});
