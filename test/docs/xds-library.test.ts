import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kind } from '../../src/xds/check.ts';
import * as library from '../../src/xds/library.ts';
import { resourceFields, serverOptions } from '../../src/xds/option-kinds.ts';
import { selfSigned } from '../support/self-signed.ts';
import { describeExample } from './example-readme.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const page = read('docs/xds-library.md');
const run = promisify(execFile);

describeExample('xds-server', 'ENVOY');

test('the server of the example has at most 60 lines', () => {
  expect(read('examples/xds-server/server.mjs').trimEnd().split('\n').length).toBeLessThanOrEqual(60);
});

/** Specifiers of all imports of a file that the compiler wrote. */
function importsOf(file: string): readonly string[] {
  const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found = code.matchAll(/(?:\bfrom|^import|\bimport\()\s*["']([^"']+)["']/gm);
  return [...found].map(([, specifier = '']) => specifier);
}

describe('the package alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-package-'));
  const unpacked = join(folder, 'package');
  const consumer = join(folder, 'consumer');
  let archive = '';

  beforeAll(async () => {
    await run(process.execPath, [join(root, 'scripts/build.mjs')]);
    const offline = ['--ignore-scripts', '--offline', '--silent'];
    const { stdout } = await run('npm', ['pack', ...offline, '--pack-destination', folder], { cwd: root });
    archive = stdout.trim();
    await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', folder]);
    symlinkSync(join(root, 'node_modules'), join(unpacked, 'node_modules'));
    mkdirSync(join(consumer, 'node_modules'), { recursive: true });
    symlinkSync(unpacked, join(consumer, 'node_modules/weft'));
    const { certificate, key } = selfSigned('xds.example');
    const compilerOptions = {
      target: 'ES2023',
      lib: ['ES2023'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      outDir: 'out',
    };
    const files = {
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({ compilerOptions, include: ['page.ts'] }),
      'server.crt': certificate,
      'server.key': key,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(consumer, name), text);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is the archive that the page has installed, by commands that there are', () => {
    const [packed = '', installed = ''] = [...page.matchAll(/^```sh\n(.*)\n```$/gm)].map(([, line]) => line);
    expect(installed).toBe(`npm install --ignore-scripts ../weft/${archive}`);
    const { scripts } = JSON.parse(read('package.json')) as Manifest;
    const [, script = ''] = /^npm ci && npm run (\w+) && npm pack$/.exec(packed) ?? [];
    expect(Object.keys(scripts)).toContain(script);
  });

  test('the code of docs/xds-library.md compiles against its types, without skipping libraries, and runs', async () => {
    const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    expect(blocks.length).toBeGreaterThan(6);
    // As it stands, but for the ports.
    const source = blocks.join('\n').replace(/port: 1800\d/g, 'port: 0');
    writeFileSync(join(consumer, 'page.ts'), `${source}\nconsole.log('closed');\n`);
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const said = await run(process.execPath, [compiler, '-p', consumer]).then(
      ({ stdout }) => stdout,
      (error: { readonly stdout: string }) => error.stdout,
    );
    expect(said).toBe('');
    const { stdout, stderr } = await run(process.execPath, ['out/page.js'], { cwd: consumer, timeout: 15_000 });
    expect([stdout, stderr]).toEqual(['closed\n', '']);
  }, 60_000);

  test('what the face needs are files of xds and proto, and packages that are installed with it', () => {
    const dependencies = Object.keys((JSON.parse(read('package.json')) as Manifest).dependencies);
    const isAllowed = (file: string, specifier: string) =>
      specifier.startsWith('.')
        ? /\/dist\/(?:xds|proto)\//.test(join(file, '..', specifier))
        : specifier.startsWith('node:') ||
          dependencies.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    const below = ['xds', 'proto'].flatMap((name) => {
      const base = join(unpacked, 'dist', name);
      return readdirSync(base, { recursive: true, encoding: 'utf8' }).map((file) => join(base, file));
    });
    const files = below.filter((file) => /\.(?:js|d\.ts)$/.test(file));
    expect(files.length).toBeGreaterThan(100);
    const strange = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !isAllowed(file, specifier))
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(strange).toEqual([]);
  });

  test('nothing of ours imports the face', () => {
    const files = readdirSync(join(unpacked, 'dist'), { recursive: true, encoding: 'utf8' });
    const importers = files.filter(
      (file) =>
        file.endsWith('.js') &&
        importsOf(join(unpacked, 'dist', file)).some((specifier) =>
          /(?:^|\/)xds\/library|^\.\/library\.js/.test(specifier),
        ),
    );
    expect(importers).toEqual([]);
  });
});

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

describe('docs/xds-library.md', () => {
  test('lists every default as it is', () => {
    const defaults = {
      timing: library.defaultTiming,
      quiet: library.defaultQuiet,
      admission: library.defaultAdmission,
      connection: library.defaultConnection,
      limits: library.defaultLimits,
    };
    const are = Object.entries(defaults).flatMap(([group, values]) =>
      Object.entries(values).map(([name, value]): [string, unknown] => [`${group}.${name}`, value]),
    );
    const rows = [...page.matchAll(/^\| `(\w+\.\w+)` \| ([^|]+?) \|/gm)];
    expect(rows.map(([, name, text = '']) => [name, quantity(text)])).toEqual(are);
    expect(page).toContain(`split at ${library.splitBytes / 1024 / 1024} MiB (\`splitBytes\`)`);
    expect(page).toContain(`and ${library.keptErrorBytes / 1024} KiB of the text`);
  });

  test('lists every event with its fields', () => {
    const [, union = ''] =
      /export type StreamEvent<Principal> =([\s\S]*?);\n\n/.exec(read('src/xds/server-options.ts')) ?? [];
    const events = union.split(/\n {2}\| /).slice(1);
    const are = events.map((text) => {
      const [kind, ...fields] = [...text.replace(/\/\*\*.*?\*\//g, '').matchAll(/readonly (\w+): (?:'(\w+)')?/g)];
      return [kind?.[2], fields.map(([, name]) => name)];
    });
    const rows = [...sectionBelow('What happens').matchAll(/^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|/gm)];
    const listed = rows.map(([, kind, fields = '']) => [kind, [...fields.matchAll(/\w+/g)].map(([name]) => name)]);
    expect(listed).toEqual(are);
    expect(listed).toHaveLength(8);
  });

  test('has a row for every option, for what a source of certificates has, and for every field of a resource', () => {
    expect(rowsBelow('Options')).toEqual(namesOf(serverOptions));
    expect(rowsBelow('Who may connect')).toEqual(namesOf(fieldOf(serverOptions, 'credentials')));
    // What is taken over from a whole resource is not said by anybody.
    expect([...rowsBelow('Resources')].sort()).toEqual(namesOf(resourceFields).sort());
  });

  test('names every function and constant of the face, or those of its kind', () => {
    const kinds = /Type$|^systemClock$/;
    const unnamed = Object.keys(library).filter((name) => !page.includes(name) && !kinds.test(name));
    expect(unnamed).toEqual([]);
  });

  test('everything that the face exports has a docstring', () => {
    const lists = read('src/xds/library.ts').matchAll(/export (?:type )?\{([^}]+)\} from '(\.[^']+)'/g);
    const bare = [...lists].flatMap(([, names = '', file = '']) => {
      const source = read(join('src/xds', file));
      return names
        .split(',')
        .map((name) => name.replace(/\btype\b/, '').trim())
        .filter((name) => name !== '')
        .filter(
          (name) =>
            !new RegExp(`\\*/\\nexport (?:async )?(?:function|const|interface|type|class) ${name}\\b`).test(source),
        )
        .map((name) => `${file} ${name}`);
    });
    expect(bare).toEqual([]);
  });
});

function sectionBelow(heading: string): string {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  return section.split('\n## ')[0] ?? '';
}

/** The first cells of the tables below a heading. */
function rowsBelow(heading: string): readonly string[] {
  const rows = sectionBelow(heading).matchAll(/^\| `(\w+)` \|/gm);
  return [...rows].map(([, name = '']) => name);
}

function namesOf(kind: Kind): string[] {
  if (kind.kind === 'either') return namesOf(kind.other);
  if (kind.kind !== 'fields') throw new Error('no fields');
  return Object.keys(kind.fields).filter((name) => kind.fields[name]?.unread === undefined);
}

function fieldOf(kind: Kind, name: string): Kind {
  const found = kind.kind === 'fields' ? kind.fields[name] : undefined;
  if (found === undefined) throw new Error(`no ${name}`);
  return found.of;
}

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  KiB: 1_024,
  MiB: 1_024 ** 2,
};

/** `5 s` → 5000, `32 MiB` → bytes, `64` → 64. */
function quantity(text: string): number {
  const [number = '', unit] = text.split(' ');
  return Number(number) * (unit === undefined ? 1 : (units[unit] ?? Number.NaN));
}
