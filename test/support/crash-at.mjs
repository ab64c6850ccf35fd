// Loaded before a program (`node --import`): ends it as `kill -9` would, at a write of its state. Armed by a file `crash-at` in the
// working folder: `before ca/state.json` or `after ca/state.json`. The file is taken away first, so that the next start lives.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const arm = 'crash-at';
const { rename } = promises;

promises.rename = async (from, to) => {
  const [when, file] = existsSync(arm) ? readFileSync(arm, 'utf8').trim().split(' ') : [];
  const isMeant = file !== undefined && new RegExp(file).test(String(to));
  if (isMeant && when === 'before') crash();
  await rename(from, to);
  if (isMeant) crash();
};
syncBuiltinESMExports();

function crash() {
  rmSync(arm);
  process.kill(process.pid, 'SIGKILL');
}
