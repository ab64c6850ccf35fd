import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sourceFiles } from '../support/source-files.ts';

/** Who may import whom, besides their own folder (section 2 of house.md). A folder without a row fails. */
const mayImport: Readonly<Record<string, readonly string[] | 'all'>> = {
  model: [],
  proto: [],
  xds: ['proto'],
  policy: ['model'],
  registry: ['model'],
  ca: ['model'],
  resolve: ['model', 'policy'],
  translate: ['model', 'proto', 'xds'],
  store: ['model'],
  telemetry: ['model', 'proto'],
  admin: ['model'],
  sidecar: ['model', 'proto', 'xds', 'ca', 'translate'],
  'control-plane': [
    'model',
    'proto',
    'xds',
    'policy',
    'registry',
    'ca',
    'resolve',
    'translate',
    'store',
    'telemetry',
    'admin',
    'sidecar',
  ],
  cli: 'all',
  dashboard: ['admin'],
};

interface Import {
  readonly file: string;
  /** A file of src, or the name of a package. */
  readonly target: string;
  readonly isOurs: boolean;
  readonly line: number;
}

/** Lines keep their numbers. */
function withoutComments(text: string): string {
  const blocks = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  return blocks.replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Static and dynamic imports, types too, and re-exports; what stands in comments does not count. */
function importsOf(file: string, text: string): readonly Import[] {
  const code = withoutComments(text);
  const found = code.matchAll(
    /^\s*(?:import|export)\s+(?:type\s+)?(?:[\w$*{}\s,]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const isOurs = specifier.startsWith('.');
    return {
      file,
      target: isOurs ? posix.join(posix.dirname(file), specifier) : specifier,
      isOurs,
      line: code.slice(0, (match.index ?? 0) + match[0].length).split('\n').length,
    };
  });
}

const folderOf = (file: string) => file.split('/')[0] ?? '';

const files = sourceFiles();
const imports = [...files].flatMap(([file, text]) => importsOf(file, text));

function violations(isWrong: (found: Import) => boolean): readonly string[] {
  return imports.filter(isWrong).map(({ file, line, target }) => `src/${file}:${line} imports ${target}`);
}

describe('structure', () => {
  test('the reader of imports sees what there is', () => {
    expect(files.size).toBeGreaterThan(200);
    const text =
      "import type { A } from './a.ts';\nexport { b } from '../b/b.ts';\n// import './c.ts'\nawait import('fastify');\n";
    expect(importsOf('x/y.ts', text).map(({ target, line }) => [target, line])).toEqual([
      ['x/a.ts', 1],
      ['b/b.ts', 2],
      ['fastify', 4],
    ]);
  });

  test('imports follow the table of house.md', () => {
    expect(
      violations(({ file, target, isOurs }) => {
        if (!isOurs || folderOf(file) === folderOf(target)) return false;
        const allowed = mayImport[folderOf(file)] ?? [];
        return allowed !== 'all' && !allowed.includes(folderOf(target));
      }),
    ).toEqual([]);
  });

  test('every import of ours is a file of src, or made from the protos', () => {
    expect(
      violations(({ target, isOurs }) => isOurs && !files.has(target) && !target.startsWith('proto/gen/')),
    ).toEqual([]);
  });

  test('only src/ca/der.ts imports node-forge', () => {
    expect(violations(({ file, target }) => target.startsWith('node-forge') && file !== 'ca/der.ts')).toEqual([]);
  });

  test('no file of the product imports what only tests and the build have', () => {
    const packages = [
      'vitest',
      'fast-check',
      'typescript',
      '@grpc/grpc-js-xds',
      '@grpc/proto-loader',
      '@bufbuild/buf',
      '@bufbuild/protoc-gen-es',
    ];
    expect(violations(({ target }) => packages.includes(target))).toEqual([]);
  });

  test('no any, nothing hidden from the compiler, no barrel', () => {
    const anywhere = [...files].flatMap(([file, text]) =>
      withoutComments(text)
        .split('\n')
        .flatMap((line, index) =>
          /(?:[:<|]\s*|\bas\s+)any\b(?!\()/.test(line.replace(/(['"`])(?:\\.|(?!\1).)*\1/g, "''"))
            ? [`src/${file}:${index + 1}`]
            : [],
        ),
    );
    const hidden = [...files].flatMap(([file, text]) =>
      /@ts-(?:ignore|expect-error|nocheck)/.test(text) ? [file] : [],
    );
    const barrels = [...files.keys()].filter((file) => /(?:^|\/)(?:index|utils?|helpers?)\.ts$/.test(file));
    expect({ anywhere, hidden, barrels }).toEqual({ anywhere: [], hidden: [], barrels: [] });
  });
});
