import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cliPage } from './cli-page.ts';
import { codesPage } from './codes-page.ts';
import { supportPage } from './support-page.ts';

const folder = join(import.meta.dirname, '../../docs');

test.each([
  { name: 'reference/codes.md', make: codesPage },
  { name: 'reference/cli.md', make: cliPage },
  { name: 'support.md', make: supportPage },
])('docs/$name is what the code makes', ({ name, make }) => {
  const file = join(folder, name);
  const page = make();
  if (process.env.WEFT_REFERENCE === 'write') writeFileSync(file, page);
  expect(readFileSync(file, 'utf8'), 'stale: npm run reference').toBe(page);
});
