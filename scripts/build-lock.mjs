// One build of a checkout at a time: each replaces whole folders, and two at once could leave one of them half empty.
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** No build takes so long: an older claim belongs to a dead process whose number somebody else has now. Milliseconds. */
const longestBuild = 600_000;

/**
 * Runs `work` when no other process runs under the same lock, a folder; waits as long as one does.
 *
 * Each contender puts down a claim, a file named after its process, and then looks at all claims. Of two that start at once the
 * later one sees the earlier, so both can withdraw but never both go on. A dead process' claim is swept by its name, which cannot
 * mean a fresh claim of somebody else; so a build that was killed is in nobody's way.
 */
export function withBuildLock(folder, work) {
  mkdirSync(folder, { recursive: true });
  const claim = join(folder, String(process.pid));
  // Left by a dead process that had our number.
  rmSync(claim, { force: true });
  for (;;) {
    if (rivals(folder).length === 0) {
      closeSync(openSync(claim, 'wx'));
      if (rivals(folder).length === 0) break;
      rmSync(claim, { force: true });
    }
    pause(20 + Math.random() * 80);
  }
  try {
    return work();
  } finally {
    rmSync(claim, { force: true });
  }
}

/** Other living processes' claims; those of dead ones are removed. */
function rivals(folder) {
  const others = readdirSync(folder).filter((name) => name !== String(process.pid));
  return others.filter((name) => {
    const living = isAlive(Number(name)) && ageOf(join(folder, name)) < longestBuild;
    if (!living) rmSync(join(folder, name), { force: true });
    return living;
  });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive too.
    return error.code === 'EPERM';
  }
}

function ageOf(file) {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    // Given back meanwhile: the next look will tell.
    return 0;
  }
}

/** The steps of a build are synchronous, so is the wait. */
function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
