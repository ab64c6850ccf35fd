import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');
let checkout: string;

/** How many files the small checkout compiles: enough that deleting `dist` takes a moment. */
const count = 200;

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'weft-build-'));
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  };
  for (const name of readdirSync(join(repository, 'scripts')))
    cpSync(join(repository, 'scripts', name), join(checkout, 'scripts', name));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(repository, name), join(checkout, name));
  symlinkSync(join(repository, 'node_modules'), join(checkout, 'node_modules'));
  put('envoy/protos/roots.json', '["weft/v1/small.proto"]');
  put('envoy/protos/additions.json', '{}');
  put('envoy/protos/weft/v1/small.proto', 'syntax = "proto3";\npackage weft.v1;\nmessage Small { string text = 1; }\n');
  put('src/proto/codec.ts', 'export const name = 1;\n');
  for (const name of ['descriptors.ts', 'codec-error.ts'])
    cpSync(join(repository, 'src/proto', name), join(checkout, 'src/proto', name));
  const main =
    "import { fileNamed } from '../proto/descriptors.ts';\nconsole.log(fileNamed('weft/v1/small.proto').messages.length);\n";
  put('src/cli/main.ts', main);
  for (let at = 0; at < count; at += 1) put(`src/model/value-${at}.ts`, `export const value = ${at};\n`);
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

const build = () => promisify(execFile)(process.execPath, ['scripts/build.mjs'], { cwd: checkout });

/** Whole: it runs, and holds what each source file becomes, and nothing else lies about. */
function expectWhole(): void {
  const main = spawnSync(process.execPath, ['dist/cli/main.js'], { cwd: checkout, encoding: 'utf8' });
  expect(main.stdout).toBe('1\n');
  const values = readdirSync(join(checkout, 'dist/model')).filter((name) => name.endsWith('.js'));
  expect(values).toHaveLength(count);
  expect(readFileSync(join(checkout, 'dist/.stamp'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
  expect(readdirSync(checkout).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  expect(readdirSync(join(checkout, '.cache'))).toEqual(['build-lock']);
  expect(readdirSync(join(checkout, '.cache/build-lock'))).toEqual([]);
}

test('four builds at once leave one whole dist: one compiles, the others wait and find it up to date', async () => {
  const said = (await Promise.all([build(), build(), build(), build()])).map(({ stdout }) => stdout);
  expect(said.filter((line) => line.includes('dist compiled'))).toHaveLength(1);
  expect(said.filter((line) => line.includes('protos up to date, dist up to date'))).toHaveLength(3);
  expectWhole();
});

test('a build that was killed holds nobody up, and what it left behind goes', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(join(checkout, '.cache/build-lock', String(dead)), '');
  for (const left of [`dist.${dead}`, `.cache/old-${dead}`, `.cache/protos-${dead}`])
    mkdirSync(join(checkout, left, 'cli'), { recursive: true });
  // Killed between the two renames: there is no dist at all.
  rmSync(join(checkout, 'dist'), { recursive: true });
  expect((await build()).stdout).toContain('protos up to date, dist compiled');
  expect(existsSync(join(checkout, 'dist/cli/main.js'))).toBe(true);
  expectWhole();
});
