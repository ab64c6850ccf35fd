import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import { inventoryOf } from '../support/field-inventory.ts';
import { refusedValues } from './differences.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/support.md'), 'utf8');
const folder = join(import.meta.dirname, '../../src/policy/kinds');

/** One block of a traffic policy, whose words stand on the page at its first place. */
const first = (path: string) =>
  path
    .replace(/^subsets\[\]\./, '')
    .replace(/portLevelSettings\[\]\.(?=loadBalancer|connectionPool|outlierDetection|tls)/, '');

describe('docs/support.md names all that is refused (WEFT0004)', () => {
  const words = documentShapes.flatMap((document) =>
    inventoryOf(document).flatMap(({ path, shape, refused }) =>
      shape.is !== 'choice' || refused
        ? []
        : Object.keys(shape.refused).map((word) => ({ kind: document.kind, line: `| \`${first(path)}: ${word}\` |` })),
    ),
  );

  test('there are words to look for, of fields without a line of their own as well', () => {
    expect(words.map(({ line }) => line)).toContain('| `egress[].captureMode: IPTABLES` |');
    expect(words.length).toBeGreaterThan(5);
  });

  test.each(words)('$kind $line', ({ kind, line }) => {
    const [, own = ''] = page.split(`\n### ${kind}\n`);
    expect(own.split('\n### ')[0]).toContain(line);
  });

  test('every place in the kinds that refuses a value has its rows', () => {
    const places = readdirSync(folder).flatMap((file) => {
      const calls = readFileSync(join(folder, file), 'utf8').match(/\.refuse\(|'WEFT0004'/g)?.length ?? 0;
      return calls === 0 ? [] : [[file, calls] as const];
    });
    expect(Object.fromEntries(places), 'write what is refused in test/docs/differences.ts').toEqual(
      Object.fromEntries(Object.entries(refusedValues).map(([file, { calls }]) => [file, calls])),
    );
    for (const [file, { calls, rows }] of Object.entries(refusedValues)) {
      expect(rows.length, file).toBeGreaterThanOrEqual(calls);
      for (const row of rows) expect(page).toContain(`| ${row.join(' | ')} |`);
    }
  });
});
