import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCommit } from '../../src/policy/git-tree.ts';
import { runVerb } from '../support/run-verb.ts';

const weft = (...words: readonly string[]) => runVerb(words, { cwd: '/' });

test('weft schema prints the schema of every kind, or of one', async () => {
  const all = await weft('schema');
  expect(all.code).toBe(0);
  expect(Object.keys(JSON.parse(all.stdout).definitions)).toContain('VirtualService');
  const one = await weft('schema', '--kind', 'MeshConfig');
  expect(JSON.parse(one.stdout)).toMatchObject({ title: 'MeshConfig (meshconfig.yaml)', additionalProperties: false });
});

test('weft schema knows which kind was meant', async () => {
  const { code, stderr } = await weft('schema', '--kind', 'VirtualServices');
  expect(code).toBe(2);
  expect(stderr).toBe('× WEFT0912 there is no kind "VirtualServices"\n    fix    did you mean VirtualService?\n');
});

test('the schema that lies among the policies, where the editor finds it, is none of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-schema-'));
  try {
    mkdirSync(join(folder, 'policies/shop'), { recursive: true });
    const { stdout: schema } = await weft('schema');
    const policy =
      'apiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { selector: { app: db }, ports: [{ name: http, port: 1 }] }\n';
    writeFileSync(join(folder, 'policies/policies.schema.json'), schema);
    writeFileSync(join(folder, 'policies/shop/weft.json'), schema);
    writeFileSync(join(folder, 'policies/shop/db.yaml'), `# yaml-language-server: $schema=weft.json\n${policy}`);
    const checked = await runVerb(['validate', '-o', 'json'], { cwd: folder });
    expect([checked.code, JSON.parse(checked.stdout).summary]).toEqual([
      0,
      { errors: 0, warnings: 0, infos: 0, files: 1 },
    ]);
    execFileSync('git', ['init', '-q'], { cwd: folder });
    execFileSync('git', ['add', '.'], { cwd: folder });
    const who = ['-c', 'user.name=Ana', '-c', 'user.email=a@b'];
    execFileSync('git', [...who, 'commit', '-qm', 'first'], { cwd: folder });
    const { files, diagnostics } = await readCommit(folder, 'HEAD', 'policies');
    expect([files.map(({ path }) => path), diagnostics]).toEqual([['policies/shop/db.yaml'], []]);
    // A policy in JSON may name its schema; that it says so is the mistake it was.
    writeFileSync(join(folder, 'policies/shop/db.json'), '{ "$schema": "weft.json", "kind": "Service" }');
    expect((await runVerb(['validate'], { cwd: folder })).code).toBe(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
