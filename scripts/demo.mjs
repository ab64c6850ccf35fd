// `npm run demo`: builds what is not built, gets Envoy if there is none, and is `weft demo` from then on, in this very process: whoever kills
// it kills the demo, and the demo's children notice. What the preparations say goes to standard error, standard output is for data.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

for (const script of ['scripts/build.mjs', 'scripts/envoy.mjs']) {
  // A named Envoy is looked for by the demo itself, which says more about it.
  if (script.endsWith('envoy.mjs') && process.argv.some((word) => word.startsWith('--envoy'))) continue;
  const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(2);
}

process.argv.splice(2, 0, 'demo');
await import('../dist/cli/main.js');
