import { spawnSync } from 'node:child_process';

/** Throws when a process may not open so many connections: better before than in the middle of a run. */
export function requireDescriptors(connections: number): void {
  const needed = connections + 100;
  // Node raises the soft limit to the hard one for itself; what it starts inherits that.
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  const limit = stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number(stdout);
  if (limit < needed)
    throw new Error(
      `${connections} connections need ${needed} file descriptors in one process, and the limit is ${limit}: raise it (ulimit -Hn ${needed})`,
    );
}
