// `npm run reference`: writes the generated pages of docs/ anew. Look at the difference before committing it.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const { status, error } = spawnSync(
  process.execPath,
  [vitest, 'run', 'test/docs/reference.test.ts', 'test/docs/codes-pages.test.ts'],
  {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, WEFT_REFERENCE: 'write' },
  },
);
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
