import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commitNamed } from '../../src/cli/commit-named.ts';
import { createPolicyFolder } from '../support/policy-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-commit-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a commit is named as git names it, in the repository of the working folder; an id stays as it is', async () => {
  const repository = await createPolicyFolder(folder, { 'a.yaml': '' });
  const first = await repository.git('rev-parse', 'HEAD');
  await repository.commit({ 'a.yaml': '# more\n' });
  const head = await repository.git('rev-parse', 'HEAD');
  for (const name of ['HEAD', 'main', 'HEAD~0', head.slice(0, 5)]) expect(await commitNamed(name, folder)).toBe(head);
  expect(await commitNamed('HEAD~1', join(folder, 'policies'))).toBe(first);
  // Of a server whose repository is elsewhere.
  expect(await commitNamed('9ad03e1', folder)).toBe('9ad03e1');
  for (const [name, where] of [
    ['last-week', folder],
    ['HEAD', tmpdir()],
  ] as const)
    await expect(commitNamed(name, where)).rejects.toMatchObject({ code: 'WEFT0961' });
});
