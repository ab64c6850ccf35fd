import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { finish } from '../../src/model/steps.ts';
import { readPlainYaml } from '../../src/policy/read-plain-yaml.ts';
import { limits, readFullYaml, unspent } from '../../src/policy/read-yaml.ts';
import { reportInto } from '../../src/policy/report.ts';
import { indexLines, type SourceNode } from '../../src/policy/source-node.ts';
import { splitDocuments } from '../../src/policy/split-documents.ts';

/*
 * Whatever the reader of plain YAML reads, the reader of all YAML reads to the same nodes, values, sources and offsets, without a finding,
 * and counts the same number of nodes.
 */

/** Comments behind a map or list belong to it or not: a place ends with its first line in any case (rangeAt). */
function asShown(text: string, node: SourceNode): SourceNode {
  if (node.is === 'scalar') return node;
  const newline = text.indexOf('\n', node.start);
  const end = Math.min(node.end, newline === -1 ? text.length : newline);
  if (node.is === 'list') return { ...node, end, items: node.items.map((item) => asShown(text, item)) };
  return { ...node, end, entries: node.entries.map((one) => ({ ...one, value: asShown(text, one.value) })) };
}

/** Whether the text was plain. */
function sameAsFull(text: string): boolean {
  const plain = readPlainYaml(text, limits);
  if (plain === undefined) return false;
  const found: Diagnostic[] = [];
  const spent = unspent();
  const full = finish(readFullYaml(indexLines('a.yaml', text), reportInto(found), spent));
  expect(found).toEqual([]);
  const documents = full?.map(({ root, ...spans }) => ({ ...spans, root: asShown(text, root) }));
  expect([{ ...plain.document, root: asShown(text, plain.document.root) }], text).toEqual(documents);
  expect(plain.nodes).toBe(spent.nodes);
  return true;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

function yamlBelow(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yaml'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe('plain YAML is read as all of YAML is', () => {
  const texts = [...yamlBelow('test/golden/cases'), ...yamlBelow('examples')].flatMap((text) =>
    text.length > 200_000 ? [] : splitDocuments(text).map((part) => part.text),
  );

  test('in every document of the repository', () => {
    const plain = texts.filter(sameAsFull).length;
    expect(plain / texts.length).toBeGreaterThan(0.7);
  });

  test('however such a document is damaged', () => {
    const pieces = [
      ' ',
      '  ',
      '\n',
      '- ',
      '-',
      ': ',
      ':',
      ' #',
      '#',
      ', ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '---',
      '...',
      '?',
      '&a',
    ];
    const more = [
      '*a',
      '!t',
      '|',
      '>',
      '%',
      '@',
      '0',
      '0x1',
      '1.5',
      'null',
      '~',
      'true',
      'a',
      '\t',
      '\r',
      '\\',
      '\n\n',
      '\n  ',
      'ä',
      '.',
    ];
    const short = texts.filter((text) => text.length < 2_000);
    const damage = fc.record({
      at: fc.nat(2_000),
      cut: fc.nat({ max: 3 }),
      insert: fc.constantFrom('', ...pieces, ...more),
    });
    fc.assert(
      fc.property(fc.constantFrom(...short), fc.array(damage, { minLength: 1, maxLength: 3 }), (text, damages) => {
        let damaged = text;
        for (const { at, cut, insert } of damages) {
          const where = at % (damaged.length + 1);
          damaged = damaged.slice(0, where) + insert + damaged.slice(where + cut);
        }
        sameAsFull(damaged);
      }),
      { numRuns: 2_000 },
    );
  });

  test('in small texts made of nothing but marks', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'b',
        'c',
        '1',
        '-1',
        '~',
        'null',
        'a b',
        '"q"',
        "'s'",
        ': ',
        ':',
        ':\n',
        '\n',
        '\n  ',
        '\n    ',
        '- ',
        '\n- ',
        '\n  - ',
      ],
      ...[
        ' # c\n',
        '\n# c\n',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '{ a: b }',
        '[a, b]',
        '---\n',
        ' ',
        '.',
        '...',
        '-',
        '"',
        "'",
        'ü',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        sameAsFull(parts.join(''));
        sameAsFull(`a: ${parts.join('')}`);
      }),
      { numRuns: 5_000 },
    );
  });

  test('in lines of keys and values', () => {
    const keys = [
      'a',
      'b',
      'c',
      'd',
      '"q"',
      "'s'",
      '1',
      'Null',
      '~',
      'true',
      '...',
      '...b',
      'a b',
      'a#',
      'x:y',
      '- a',
      '- b',
      '-',
    ];
    const values = [
      'x',
      'x y',
      '',
      '1',
      '-0',
      '007',
      '1.5',
      '1e3',
      '0x1',
      '.inf',
      '10.0.0.1',
      'Null',
      'NULL',
      'True',
      'x:y',
      'a: b',
      'a:',
    ];
    const more = [
      'x # c',
      'x# c',
      '# c',
      '"a"',
      '"a\\n"',
      '"a" # c',
      '"a"# c',
      "'it''s'",
      '[]',
      '{}',
      '[a, b]',
      '[a: b]',
      '[a b # c]',
    ];
    const flow = [
      '{ a: b, a: c }',
      '{ a: Null, b: [1, {c: "d"}] }',
      '{a: b}',
      '{ a: b: c }',
      '[a,]',
      '{ Null: a }',
      '...',
      '...x',
      '-1',
      '-x',
      '- x',
      '---',
    ];
    const line = fc
      .tuple(
        fc.constantFrom('', '', '  ', '    '),
        fc.constantFrom(...keys),
        fc.constantFrom(': ', ': ', ': ', ':', ' : ', ''),
        fc.constantFrom(...values, ...more, ...flow),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        sameAsFull(lines.join('\n'));
        sameAsFull(`a:\n${lines.map((one) => `  ${one}`).join('\n')}\n`);
      }),
      { numRuns: 10_000 },
    );
  });
});
