import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('every rule of the xDS specification has a test, and docs/xds-conformance.md lists it', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['scripts/conformance.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(`${stdout}${stderr}`).toBe('');
  expect(status).toBe(0);
});
