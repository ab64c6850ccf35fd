import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * The test files whose modules may be those of the file before: what they ask is computed from what they pass in. A file that replaces a
 * module, or reads what a module has counted since it was loaded, needs its own.
 */
const shared = ['unit', 'property', 'contract', 'golden']
  .flatMap((folder) => readdirSync(join(import.meta.dirname, 'test', folder)).map((name) => `test/${folder}/${name}`))
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => !/\bvi\.mock\(|Counters?\b/.test(readFileSync(join(import.meta.dirname, path), 'utf8')));

export default defineConfig({
  test: {
    // The machine that these tests are made for has two cores; more at once would only disturb those that measure.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // In the order of their names: the short files come last, and fill the time in which a long one ends.
    projects: [
      { extends: true, test: { name: 'isolated', include: ['test/**/*.test.ts'], exclude: shared } },
      { extends: true, test: { name: 'shared', include: shared, isolate: false } },
    ],
  },
});
