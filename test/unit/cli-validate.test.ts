import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { runVerb } from '../support/run-verb.ts';
import { testFolder } from '../support/test-folder.ts';

const { folder, write } = testFolder('weft-validate-');
const good = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - route:
        - destination:
            host: reviews
          weight: 90
        - destination:
            host: reviews
            subset: v2
          weight: 10
`;
const rule = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
    - name: v2
      labels: {version: v2}
`;
const service = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
`;

function git(...words: readonly string[]): void {
  execFileSync('git', ['-c', 'user.name=ana', '-c', 'user.email=ana@corp.example', ...words], { cwd: folder });
}

beforeAll(() => {
  write('policies/shop/service.yaml', service);
  write('policies/shop/reviews.yaml', good);
  write('policies/shop/rule.yaml', rule);
  git('init', '-q');
  git('add', 'policies');
  git('commit', '-q', '-m', 'reviews: canary to 10%');
  write('policies/shop/reviews.yaml', good.replace('weight: 90', 'wieght: 90'));
});

const weft = (line: string) => runVerb(line.split(' '), { cwd: folder });

it('frames an error with its line and its fix, and exits 1', async () => {
  const { code, stdout } = await weft('validate');
  expect(code).toBe(1);
  expect(stdout).toContain('policies/shop/reviews.yaml:10:11: error WEFT0002');
  expect(stdout).toContain('10 |           wieght: 90\n     |           ^^^^^^ did you mean "weight"?\n');
  expect(stdout).toMatch(/\n1 error, \d warnings?.* in 3 files \(\d+ ms\)\n$/);
});

it('checks a commit as it was', async () => {
  const { code, stdout } = await weft('validate --rev HEAD');
  expect(stdout).toMatch(/(^|\n)0 errors, 0 warnings.* in 3 files/);
  expect(code).toBe(0);
  expect((await weft('validate --rev nothing')).stderr).toContain('WEFT0961');
});

it('checks the whole tree, and shows what is about the files that were named', async () => {
  const part = await weft('validate policies/shop/rule.yaml');
  expect(part.code).toBe(0);
  expect(part.stdout).toMatch(/0 errors, .* in 1 file /);
  for (const path of ['policies', 'policies/shop', 'policies/shop/reviews.yaml', folder]) {
    expect((await weft(`validate ${path}`)).code, path).toBe(1);
  }
});

it('finds a subset that is not defined across files', async () => {
  write('other/policies/shop/reviews.yaml', good);
  write('other/policies/shop/service.yaml', service);
  const { code, stdout } = await weft('validate other -o json');
  const { kind, summary, items } = JSON.parse(stdout);
  expect([code, kind, summary.errors]).toEqual([1, 'DiagnosticList', 1]);
  expect(items.find((item: { severity: string }) => item.severity === 'error')).toMatchObject({
    code: 'WEFT0173',
    file: 'policies/shop/reviews.yaml',
    line: 13,
    object: 'VirtualService/shop/reviews',
  });
});

it('takes files that stand in no tree, and the place that weft.yaml names', async () => {
  write('loose.yaml', `${good}---\n${service}---\n${rule}`);
  expect((await weft('validate loose.yaml')).stdout).toMatch(/0 errors, .* in 1 file /);
  write('elsewhere/weft.yaml', 'policy:\n  path: mesh/rules\n');
  write('elsewhere/mesh/rules/shop/service.yaml', service.replace('Service', 'Servce'));
  const { code, stdout } = await weft('validate elsewhere');
  expect(code).toBe(1);
  expect(stdout).toContain('mesh/rules/shop/service.yaml:2:7: error WEFT0003');
});

it('keeps trees apart whose files have the same names', async () => {
  write('a/policies/shop/service.yaml', service.replace('spec:', 'spce:'));
  write('b/policies/shop/service.yaml', service);
  const { stdout } = await weft('validate a b');
  expect(stdout).toContain('4 | spce:\n');
  expect(stdout).toMatch(/in 2 files /);
});

it('fails on warnings when asked to', async () => {
  write('warned/policies/shop/rule.yaml', rule.replace('host: reviews', 'host: nobody'));
  expect((await weft('validate warned')).code).toBe(0);
  expect((await weft('validate warned --fail-on warning')).code).toBe(1);
});

it('says with -q nothing of a good tree and no infos, and all in json', async () => {
  write('informed/policies/shop/service.yaml', service.replace('{name: http, port: 9080}', '{port: 9080}'));
  expect((await weft('validate informed')).stdout).toMatch(/: info WEFT0118 /);
  expect(await weft('validate -q informed')).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(JSON.parse((await weft('validate -q informed -o json')).stdout).summary.infos).toBe(1);
  write('informed/policies/shop/rule.yaml', rule.replace('host: reviews', 'host: nobody'));
  const { stdout } = await weft('validate -q informed');
  expect(stdout).toMatch(/: warning WEFT0174 /);
  expect(stdout).not.toMatch(/info/);
});

it('refuses what it cannot do by name', async () => {
  expect(await weft('validate missing')).toMatchObject({ code: 2 });
  expect((await weft('validate missing')).stderr).toContain('"missing" does not exist');
  expect((await weft('validate -o sarif')).stderr).toContain('"sarif" is none of');
  expect((await weft('validate --fail-on info')).stderr).toContain('"info" is none of');
});

it('says where no policy file is, instead of finding nothing wrong in it', async () => {
  mkdirSync(join(folder, 'empty'));
  for (const [line, words] of [
    ['validate nope', '"nope" does not exist'],
    ['validate empty', `there is no policy file in "${join(folder, 'empty')}"`],
    ['validate --rev HEAD policies/shop/nope.yaml', 'there is no policy file in'],
  ] as const) {
    const { code, stderr } = await weft(line);
    expect([line, code]).toEqual([line, 2]);
    expect(stderr).toContain(`WEFT0912 ${words}`);
    expect(stderr).toMatch(/ {4}where {2}.*\n {4}fix {4}name a repository/);
  }
});

it('weft up makes nothing where there is nothing to serve', async () => {
  const gone = join(folder, 'gone');
  const bare = mkdtempSync(join(tmpdir(), 'weft-bare-'));
  try {
    expect((await weft(`up ${gone}`)).stderr).toContain(`WEFT0912 "${gone}" is no folder`);
    expect(existsSync(gone)).toBe(false);
    expect((await weft(`up ${bare}`)).stderr).toContain('WEFT0960');
    execFileSync('git', ['init', '-q'], { cwd: bare });
    expect((await weft(`up ${bare}`)).stderr).toContain('WEFT0961');
    const commit = [
      '-c',
      'user.name=ana',
      '-c',
      'user.email=ana@corp.example',
      'commit',
      '-q',
      '--allow-empty',
      '-m',
      'x',
    ];
    execFileSync('git', commit, { cwd: bare });
    expect(await weft(`up ${bare}`)).toMatchObject({ code: 2, stderr: expect.stringContaining('WEFT0962') });
    expect(readdirSync(bare)).toEqual(['.git']);
  } finally {
    rmSync(bare, { recursive: true });
  }
});

it('weft server says which file is missing, and prints settings as they would be written, in columns', async () => {
  expect((await weft('server --config nope.yaml')).stderr).toContain('nope.yaml cannot be read: there is no such file');
  write('weft.yaml.d/weft.yaml', 'registry: {grace: 90s}\n');
  const { stdout } = await weft('server --config weft.yaml.d/weft.yaml --check-config');
  expect(stdout).toMatch(/^certificates.leafLifetime +24h +default$/m);
  expect(stdout).toMatch(/^registry.grace +90s +.*weft.yaml:1$/m);
  const origins = stdout
    .trim()
    .split('\n')
    .map((line) => line.search(/(default|\/.*weft\.yaml:\d+)$/));
  expect(new Set(origins).size).toBe(1);
});
