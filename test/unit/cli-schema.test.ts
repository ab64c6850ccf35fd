import { expect, test } from 'vitest';
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
  const { code, stdout } = await weft('schema', '--kind', 'VirtualServices');
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'WEFT0912',
    message: 'there is no kind "VirtualServices"',
    hint: 'did you mean VirtualService?',
  });
});
