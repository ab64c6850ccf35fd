// `npm run golden`: writes ir.yaml and xds.yaml of every case below test/golden/cases anew and deletes what no case makes.
// Look at the difference before committing it: `git diff test/golden`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const { status, error } = spawnSync(
  process.execPath,
  [vitest, 'run', 'test/golden/golden.test.ts', ...process.argv.slice(2)],
  {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, WEFT_GOLDEN: 'write' },
  },
);
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
