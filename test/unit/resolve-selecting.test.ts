import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Labels } from '../../src/model/policy.ts';
import { selects } from '../../src/model/selector.ts';
import { type Lasts, noLasts, withAsked, withNext } from '../../src/resolve/keep.ts';
import { selecting } from '../../src/resolve/selecting.ts';

const labels: fc.Arbitrary<Labels> = fc.dictionary(
  fc.constantFrom('app', 'track', 'version'),
  fc.constantFrom('a', 'b'),
);

test('what fits some labels is what a look at all of the list finds, in its order', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ selector: fc.option(labels, { nil: undefined }) })), labels, (objects, worn) => {
      const found = selecting(objects, worn, ({ selector }) => selector);
      expect(found).toEqual(objects.filter(({ selector }) => selects(selector, worn)));
    }),
  );
});

test('what is made beside a mesh does not put out what was made of it, and is let go when nobody asks for it', () => {
  let lasts: Lasts<string> = withNext(noLasts, undefined, 'mesh 1');
  lasts = withNext(lasts, 'mesh 1', 'plan 1');
  expect(lasts.all).toEqual(['mesh 1', 'plan 1']);
  lasts = withAsked(lasts, 'mesh 1');
  let last = 'mesh 1';
  for (let number = 2; number < 10; number += 1) {
    lasts = withNext(lasts, last, `mesh ${number}`);
    last = `mesh ${number}`;
    expect(lasts.all).toEqual(['plan 1', last]);
  }
  expect(withNext(lasts, last, 'mesh 10').all).toEqual([last, 'mesh 10']);
  expect(withNext(withAsked(lasts, 'plan 1'), 'plan 1', 'plan 2').all).toEqual([last, 'plan 2']);
});
