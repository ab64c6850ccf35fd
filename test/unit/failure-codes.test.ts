import { describe, expect, test } from 'vitest';
import { failureCodes } from '../../src/model/failure-codes.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { sourceFiles } from '../support/source-files.ts';

const tables = ['model/failure-codes.ts', 'policy/diagnostic-codes.ts'];

/** Code → the files of src that name it; the tables themselves do not count. */
function codesInUse(): ReadonlyMap<string, ReadonlySet<string>> {
  const used = new Map<string, Set<string>>();
  for (const [file, text] of sourceFiles()) {
    if (tables.includes(file)) continue;
    for (const [code] of text.matchAll(/WEFT\d{4}/g)) {
      used.set(code, (used.get(code) ?? new Set()).add(file));
    }
  }
  return used;
}

describe('codes', () => {
  const used = codesInUse();

  test('every code that src names has a page', () => {
    const unknown = [...used].filter(([code]) => !(code in failureCodes) && !(code in diagnosticCodes));
    expect(unknown.map(([code, files]) => `${code} in ${[...files].join(', ')}`)).toEqual([]);
  });

  test('no code stands in both tables', () => {
    expect(Object.keys(failureCodes).filter((code) => code in diagnosticCodes)).toEqual([]);
  });

  test('every page is of a code that something emits', () => {
    expect([...Object.keys(failureCodes), ...Object.keys(diagnosticCodes)].filter((code) => !used.has(code))).toEqual(
      [],
    );
  });

  test('no two codes have the same title', () => {
    const titles = [...Object.values(failureCodes), ...Object.values(diagnosticCodes)].map(({ title }) => title);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
  });
});
