import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '../..');
const main = join(repository, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'weft-hostile-texts-'));
const run = promisify(execFile);

const service =
  'apiVersion: v1\nkind: Service\nmetadata: { name: reviews }\nspec: { ports: [{ name: http, port: 80 }] }\n';
/** Ten lines; what is added stands on line 11. */
const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: NAME
spec:
  hosts:
  - reviews
  http:
  - route:
    - destination: { host: reviews }
`;
const dos = (text: string) => text.replaceAll('\n', '\r\n');
const many = (text: string, count: number) => text.repeat(count);
const megabytes = 1024 * 1024;
/** Each line refers nine times to the one before. */
const laughs = (line: (name: string, before: string) => string) =>
  Array.from({ length: 12 }, (_, index) => line(`b${index + 1}`, `b${index}`)).join('\n');

/** What stands in a file, and what is said of it: line, column and code, or nothing. */
const texts: Readonly<Record<string, readonly [text: string | Buffer, said: readonly string[]]>> = {
  'billion-laughs': [
    `b0: &b0 [x]\n${laughs((name, before) => `${name}: &${name} [${many(`*${before},`, 9)}]`)}\n`,
    ['1:1 WEFT0007'],
  ],
  'laughs-by-merge-keys': [
    `b0: &b0 { k: v }\n${laughs((name, before) => `${name}: &${name}\n  <<: [${many(`*${before},`, 9)}]`)}\n`,
    ['1:1 WEFT0007'],
  ],
  'anchor-of-itself': [`${good}  exportTo: &a [*a]\n`, ['1:1 WEFT0007']],
  'anchor-used': [service.replace('name: reviews', 'name: &a anchors').replace('name: http', 'name: *a'), []],
  'no-such-anchor': [`${good}  exportTo: *a\n`, ['11:13 WEFT0001']],
  'merge-key': [`${good}  x: &x { a: 1 }\n  <<: *x\n`, ['11:3 WEFT0002', '12:3 WEFT0002']],
  'scalar-of-10-megabytes': [good.replace('- reviews', `- ${many('x', 10 * megabytes)}`), ['1:1 WEFT0007']],
  'block-of-10-megabytes': [`${good}  exportTo: |\n${many(`    ${many('x', 1019)}\n`, 10 * 1024)}`, ['1:1 WEFT0007']],
  'scalar-of-almost-a-megabyte': [`${good}  exportTo: ["${many('x', 0.9 * megabytes)}"]\n`, ['11:14 WEFT0002']],
  'key-of-almost-a-megabyte': [`${good}  ? ${many('x', 0.9 * megabytes)}\n  : 1\n`, ['11:5 WEFT0001']],
  'expression-of-almost-a-megabyte': [
    good.replace('- route:', `- match: [{ uri: { regex: "${many('(', 0.9 * megabytes)}" } }]\n    route:`),
    ['9:29 WEFT0002'],
  ],
  'open-brackets': [many('[', 100_000), ['1:1 WEFT0007']],
  'open-maps': [many('{a: ', 100_000), ['1:1 WEFT0007']],
  'many-documents': [many('---\n', 20_000) + good, ['1:1 WEFT0007']],
  'key-twice': [`${good}  hosts: [b]\n`, ['11:3 WEFT0006']],
  'key-twice-inside': [good.replace('{ host: reviews }', '{ host: a, "host": b }'), ['10:31 WEFT0006']],
  prototype: [`${good}  __proto__: { http: [] }\n`, ['11:3 WEFT0002']],
  'prototype-among-labels': [good.replace('name: NAME', 'name: NAME\n  labels: { __proto__: x }'), ['5:13 WEFT0002']],
  'a-constructor': [`${good}  constructor: { prototype: { a: 1 } }\n`, ['11:3 WEFT0002']],
  'control-character': [good.replace('- reviews', '- rev\u0007iews'), ['7:5 WEFT0002']],
  'escape-sequence': [good.replace('- reviews', '- "\\e[31mreviews"'), ['7:5 WEFT0002']],
  'escape-sequence-as-key': [`${good}  "\\e[31mx": 1\n`, ['11:3 WEFT0002']],
  'right-to-left': [good.replace('- reviews', '- "rev\u202eiews"'), ['7:5 WEFT0002']],
  nul: [good.replace('- reviews', '- rev\u0000iews'), ['7:5 WEFT0002']],
  'byte-order-mark': [`\ufeff${good}`, []],
  'byte-order-mark-and-mistake': [`\ufeff${good}  hots: 1\n`, ['11:3 WEFT0002']],
  'byte-order-mark-and-first-key': [`\ufeff${good.replace('apiVersion', 'apiVersoin')}`, ['1:1 WEFT0002']],
  'lines-of-dos': [dos(service.replace('reviews', 'lines')), []],
  'lines-of-dos-and-mistake': [dos(`${good}  hots: 1\n`), ['11:3 WEFT0002']],
  'lines-of-dos-and-second-document': [
    dos(`${service.replace('reviews', 'other')}---\n${good}  hots: 1\n`),
    ['16:3 WEFT0002'],
  ],
  'tab-before-a-key': [`${good}\thots: 1\n`, ['11:1 WEFT0001']],
  'tab-before-a-value': [`${good}  hots:\t1\n`, ['11:3 WEFT0002']],
  'utf-16': [Buffer.from(`\ufeff${good}`, 'utf16le'), ['1:1 WEFT0001']],
  'broken-utf-8': [Buffer.concat([Buffer.from(good), Buffer.from([0x23, 0xc3, 0x28, 0x0a])]), ['1:1 WEFT0001']],
  'tag-of-ones-own': [`${good}  exportTo: !!js/function "x"\n`, ['11:13 WEFT0001']],
};

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly severity: string;
}

beforeAll(async () => {
  // `npm test` has built it already.
  if (!existsSync(main)) await run(process.execPath, [join(repository, 'scripts/build.mjs')]);
  mkdirSync(join(folder, 'policies/shop'), { recursive: true });
  writeFileSync(join(folder, 'policies/shop/service.yaml'), service);
  for (const [name, [text]] of Object.entries(texts)) {
    const named = typeof text === 'string' ? text.replace('name: NAME', `name: ${name}`) : text;
    writeFileSync(join(folder, `policies/shop/${name}.yaml`), named);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `weft validate` as a process that may take no more than so much memory; the processor time is its own. */
async function validate(...words: readonly string[]) {
  const measured = join(folder, 'measure.mjs');
  const told = 'JSON.stringify({ maxRSS, cpu: userCPUTime + systemCPUTime })';
  const lines = [
    "process.on('exit', () => {",
    '  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();',
    `  process.stderr.write('\\nused ' + ${told} + '\\n');`,
    '});',
  ];
  writeFileSync(measured, lines.join('\n'));
  const child = run(process.execPath, ['--import', measured, main, 'validate', ...words], {
    cwd: folder,
    env: { ...process.env, LANG: 'C.UTF-8' },
    timeout: 60_000,
    maxBuffer: 64 * megabytes,
  });
  const { stdout, stderr } = await child.catch((failed: { stdout: string; stderr: string }) => failed);
  const used: { readonly maxRSS: number; readonly cpu: number } = JSON.parse(/\nused (.*)\n/.exec(stderr)?.[1] ?? '{}');
  return { stdout, kibibytes: used.maxRSS, seconds: used.cpu / 1_000_000 };
}

test('hostile texts are refused with their places, in little time and memory, and the others are read (T12)', async () => {
  const { stdout, kibibytes, seconds } = await validate('-o', 'json');
  const answer: { readonly items: readonly Finding[] } = JSON.parse(stdout);
  const errors = answer.items.filter(({ severity }) => severity === 'error');
  const said = Object.fromEntries(
    Object.keys(texts).map((name) => [
      name,
      errors
        .filter(({ file }) => file === `policies/shop/${name}.yaml`)
        .map(({ line, column, code }) => `${line}:${column} ${code}`),
    ]),
  );
  expect(said).toEqual(Object.fromEntries(Object.entries(texts).map(([name, [, expected]]) => [name, expected])));
  // Alone they take a third of a second and 60 MiB, most of it Node's own.
  expect(seconds).toBeLessThan(10);
  expect(kibibytes).toBeLessThan(400 * 1024);
}, 90_000);

test('nothing of a hostile text reaches the terminal as it is: neither control characters nor megabytes (T12)', async () => {
  const { stdout } = await validate();
  expect(stdout).toContain('WEFT0002');
  expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  expect(stdout.length).toBeLessThan(64 * 1024);
}, 90_000);
