import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { foldersAbove, strayFindings } from '../../src/policy/stray-files.ts';
import { runVerb } from '../support/run-verb.ts';

const service =
  'apiVersion: v1\nkind: Service\nmetadata: { name: pay }\nspec: { selector: { app: pay }, ports: [{ name: http, port: 80 }] }\n';
const rule =
  'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: pay }\nspec: { host: pay }\n';
const deployment = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: pay }\n';

describe('what of it is told', () => {
  test.each<readonly [string, string, string, readonly string[]]>([
    ['the MeshConfig', 'meshconfig.yaml', 'accessLogFile: /dev/stdout\n', ['1: move it to policies/meshconfig.yaml']],
    ['the MeshConfig as JSON', 'mesh/meshconfig.json', '{}', ['1: move it to policies/meshconfig.json']],
    ['a policy', 'rule.yaml', `# mine\n---\n${rule}`, ['4: move it into policies/, to the folder of its namespace']],
    ['several', 'all.yaml', `${service}---\n${rule}`, ['2: move it into policies/, to the folder of its namespace']],
    [
      'a word in quotes',
      'q.yaml',
      rule.replace('DestinationRule', '"DestinationRule"'),
      ['2: move it into policies/, to the folder of its namespace'],
    ],
    ['a manifest for Kubernetes', 'k8s.yaml', `${deployment}---\n${service}`, []],
    ['what a build reads', 'compose.yaml', 'services:\n  a: { image: b }\n', []],
    ['nothing', 'empty.yaml', '# nothing\n---\n', []],
    ['one that says why', 'rule.yaml', `# weft-ignore WEFT0013: of the other mesh\n${rule}`, []],
  ])('%s', (_, path, text, expected) => {
    const found = strayFindings([{ path, text }], 'policies');
    expect(found.map(({ at, hint }) => `${at.line}: ${hint}`)).toEqual(expected);
    for (const { code, severity, message } of found) {
      expect([code, severity, message]).toEqual(['WEFT0013', 'warning', `not read: ${path} is outside of policies/`]);
    }
  });

  test('folders above a tree', () => {
    expect(foldersAbove('policies')).toEqual(['']);
    expect(foldersAbove('mesh/rules/all')).toEqual(['', 'mesh', 'mesh/rules']);
    expect(foldersAbove('.')).toEqual([]);
  });
});

describe('weft validate', () => {
  let folder = '';
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-stray-'));
    write('policies/shop/service.yaml', service);
    write('meshconfig.yaml', 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n');
    write('rule.yml', rule);
    write('.hidden.yaml', rule);
    write('ci/rule.yaml', rule);
    write('weft.yaml', 'policy: { path: policies }\n');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const strays = async (...more: readonly string[]) => {
    const { stdout, code } = await runVerb(['validate', ...more, '-o', 'json'], { cwd: folder });
    const { items } = JSON.parse(stdout) as {
      readonly items: readonly { readonly code: string; readonly file: string }[];
    };
    return [code, ...items.flatMap((item) => (item.code === 'WEFT0013' ? [item.file] : []))];
  };

  test('tells files beside the policies as they lie there, and as they are committed; edits outside are none of the policies', async () => {
    expect(await strays()).toEqual([0, 'meshconfig.yaml', 'rule.yml']);
    const git = (...words: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=ana', '-c', 'user.email=ana@corp.example', ...words], { cwd: folder });
    git('init', '-q');
    git('add', '-A', '-f');
    git('commit', '-q', '-m', 'x');
    expect(await strays('--rev', 'HEAD')).toEqual([0, 'meshconfig.yaml', 'rule.yml']);
    expect(await strays()).toEqual([0, 'meshconfig.yaml', 'rule.yml']);
    // Who asks for a part is told about this part.
    expect(await strays('policies/shop')).toEqual([0]);
    expect(await strays('policies')).toEqual([0]);
    expect(await strays('.')).toEqual([0, 'meshconfig.yaml', 'rule.yml']);
  });

  test('tells nothing of what lies around a folder that is asked about, where nothing says what is around it', async () => {
    rmSync(join(folder, 'weft.yaml'));
    for (const asked of ['policies', 'policies/shop', 'ci']) expect(await strays(asked)).toEqual([0]);
    // Its own files are those of it.
    const { stdout } = await runVerb(['validate', 'ci'], { cwd: folder });
    expect(stdout).toContain('ci/rule.yaml:');
    expect(stdout).toContain('1 file');
  });

  test('tells nothing of a tree with all in it', async () => {
    for (const name of ['meshconfig.yaml', 'rule.yml']) rmSync(join(folder, name));
    expect(await strays()).toEqual([0]);
  });

  test('says of a folder without policies that it has none', async () => {
    rmSync(join(folder, 'policies'), { recursive: true });
    mkdirSync(join(folder, 'policies/shop'), { recursive: true });
    expect((await runVerb(['validate'], { cwd: folder })).stderr).toContain('WEFT0912');
  });
});
