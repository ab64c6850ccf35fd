import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Condition } from '../../src/model/ir-inbound.ts';
import { holdsAddress, rangeEnds } from '../../src/policy/address-range.ts';
import { re2Matches } from '../../src/policy/re2-match.ts';
import { re2Samples } from '../../src/policy/re2-samples.ts';
import { valuesOf } from '../../src/resolve/dimension-values.ts';
import { satisfyingCalls } from '../../src/resolve/satisfying-calls.ts';

/* What a comparison of two commits tries (decision 63). */

test.each([
  ['/reviews/[^/]+', ['/reviews/word']],
  ['(?:a|b)c', ['ac', 'bc']],
  ['[ab]{2}x?', ['aax', 'bbx', 'aa']],
  ['.*', ['word', '']],
  ['é.', ['éa', 'éA']],
  ['a\\b', ['a']],
  ['[^\\x00-\\xff]', []],
  ['(', []],
])('T14 texts that %s matches', (regex, texts) => {
  const found = re2Samples(regex, 'word');
  expect(found).toEqual(texts);
  for (const text of found) expect(re2Matches(regex, text)).toBe(true);
});

test.each([
  ['10.1.0.0/16', ['10.1.0.0', '10.1.255.255', '10.0.255.255', '10.2.0.0']],
  ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255']],
  ['192.0.2.1', ['192.0.2.1', '192.0.2.1', '192.0.2.0', '192.0.2.2']],
  [
    '2001:db8::/32',
    [
      '2001:db8:0:0:0:0:0:0',
      '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
      '2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
      '2001:db9:0:0:0:0:0:0',
    ],
  ],
])('T14 where %s ends', (range, ends) => {
  expect(rangeEnds(range)).toEqual(ends);
});

test('T14 of any range the first two of its ends lie in it, and the others do not', () => {
  const range = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 })),
    fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 128 })),
  );
  fc.assert(
    fc.property(range, ([base, length]) => {
      const text = `${base}/${length}`;
      const [first = '', last = '', ...outside] = rangeEnds(text);
      expect([first, last].map((address) => holdsAddress(text, address))).toEqual([true, true]);
      expect(outside.filter((address) => holdsAddress(text, address))).toEqual([]);
    }),
  );
});

describe('T14 a call that conditions ask for', () => {
  const callers = { trustDomains: ['demo.mesh'], known: ['demo.mesh/ns/shop/sa/web'] };
  const path = (kind: 'exact' | 'prefix' | 'suffix', value: string): Condition => ({
    kind: 'path',
    match: { kind, value },
  });
  const first = (...conditions: readonly Condition[]) => {
    const [found] = satisfyingCalls(conditions, callers, { left: 100_000 });
    return found && Object.fromEntries(found);
  };

  test('has the beginning of the one and the end of the other, and not what is excluded', () => {
    expect(first(path('prefix', '/a'), path('suffix', '.js'))).toEqual({ path: '/azz9any.js' });
    expect(first(path('prefix', '/a'), { kind: 'not', of: path('suffix', 'zz9any') })).toEqual({ path: '/a' });
    expect(first(path('exact', '/a'), { kind: 'not', of: path('prefix', '/') })).toBeUndefined();
  });

  test('is of an identity that somebody may have', () => {
    const principal = (kind: 'prefix' | 'suffix' | 'regex', value: string): Condition => ({
      kind: 'principal',
      match: { kind, value },
    });
    expect(first(principal('suffix', '/sa/api'))).toEqual({ principal: 'demo.mesh/ns/zz9any/sa/api' });
    expect(first(principal('prefix', 'demo.mesh/ns/bank/'))).toEqual({ principal: 'demo.mesh/ns/bank/sa/zz9any' });
    expect(first(principal('regex', '[^/]+/ns/shop/sa/[^/]+'))).toEqual({ principal: 'demo.mesh/ns/shop/sa/web' });
    expect(valuesOf('principal', [principal('regex', '[^/]+/ns/shop/sa/[^/]+')], callers)).toContain(null);
  });
});
