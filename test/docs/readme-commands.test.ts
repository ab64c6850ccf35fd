import { describe, expect, test } from 'vitest';
import { isAsShown } from './readme-commands.ts';

describe('what a page shows', () => {
  test.each([
    [['all of it'], 'all of it'],
    [['a.b (c)'], 'a.b (c)'],
    [['NAME  STATUS', 'one  …'], 'NAME     STATUS\none      SYNCED  3 s'],
    [['v1 900±50, v2 100±50'], 'v1 850, v2 150'],
    [['… requests: 4±3 times (…)'], '20 requests: 1 times (12 ms)'],
    [['v1 75±12% … 8±8'], 'v1 74% of 12, 0'],
  ])('%j is %j', (shows, printed) => {
    expect(isAsShown(shows, printed)).toBe(true);
  });

  test.each([
    [['all of it'], 'all of it, and more'],
    [['a.b'], 'axb'],
    [['one line'], 'one line\nanother'],
    [['v1 900±50, v2 100±50'], 'v1 849, v2 151'],
    [['v1 900±50, v2 100±50'], 'v1 950, v2 151'],
    // Part of a number is no number.
    [['…100±50 times'], '1100 times'],
    [['100±50'], 'many'],
  ])('%j is not %j', (shows, printed) => {
    expect(isAsShown(shows, printed)).toBe(false);
  });
});
