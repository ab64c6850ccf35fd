// `npm run demo`: builds what is not built, gets Envoy if there is none, and runs `weft demo`. Data goes to standard output, so what these
// preparations say goes to standard error.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

for (const script of ['scripts/build.mjs', 'scripts/envoy.mjs']) {
  // A named Envoy is looked for by the demo itself, which says more about it.
  if (script.endsWith('envoy.mjs') && process.argv.some((word) => word.startsWith('--envoy'))) continue;
  const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(2);
}

const child = spawn(process.execPath, ['dist/cli/main.js', 'demo', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// ctrl-c reaches the child by itself; a kill of this process is passed on, and the demo stops what it started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 130 : (code ?? 2);
});
