import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codesPage } from './codes-page.ts';

const file = join(import.meta.dirname, '../../docs/reference/codes.md');

test('docs/reference/codes.md says what the tables say', () => {
  const page = codesPage();
  if (process.env.WEFT_REFERENCE === 'write') writeFileSync(file, page);
  expect(readFileSync(file, 'utf8'), 'stale: npm run reference').toBe(page);
});
