import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * The test files whose modules may be those of the file before, which saves a second of each. A file that replaces a module, or reads what
 * a module has counted since it was loaded, needs its own, and so does one that measures what others wait for.
 */
const needsOwn = /\bvi\.mock\(|Counters?\b|hostile-scene/;
const shared = filesOf('unit', 'property', 'contract', 'golden', 'conformance', 'e2e').filter(
  (path) => !needsOwn.test(readFileSync(join(import.meta.dirname, path), 'utf8')),
);

function filesOf(...folders: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) => readdirSync(join(import.meta.dirname, 'test', folder)).map((name) => `test/${folder}/${name}`))
    .filter((path) => path.endsWith('.test.ts'));
}

export default defineConfig({
  test: {
    // The machine that these tests are made for has two cores; more at once would only disturb those that measure.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // In the order of their names, and larger files first: the examples take long and are small, so they are a project of their own.
    projects: [
      { extends: true, test: { name: 'docs', include: ['test/docs/*.test.ts'], isolate: false } },
      {
        extends: true,
        test: { name: 'isolated', include: ['test/**/*.test.ts'], exclude: ['test/docs/**', ...shared] },
      },
      { extends: true, test: { name: 'shared', include: [...shared], isolate: false } },
    ],
  },
});
