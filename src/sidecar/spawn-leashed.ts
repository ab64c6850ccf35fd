import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LeashedProcess {
  readonly pid: number;
  /** Resolves when the process has ended and its output was read. Never rejects. */
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/*
 * The shell becomes the program (exec, so the pid stays); before, it leaves a watcher behind that reads descriptor 3. A line means that
 * the program has ended and there is nothing to do. An end without a line means that our process has died, however it died: then
 * the program is killed. No moment exists in which the program runs unwatched. It leaves no core dump: its memory holds keys.
 */
const LEASH = 'ulimit -c 0; (read -r line <&3 || kill -9 $$) >/dev/null 2>&1 & exec 3<&-; exec "$@"';

/**
 * Starts a program that cannot outlive this process, kill -9 included. It stands in a session of its own, so that ctrl-c reaches us
 * alone and we decide how it stops. `onLine` gets every line of its output and from which stream. Throws when no process can be made at all;
 * a program that cannot be executed exits with 126 or 127.
 */
export function spawnLeashed(
  path: string,
  args: readonly string[],
  onLine: (line: string, from: 'stdout' | 'stderr') => void,
): LeashedProcess {
  const child = spawn('/bin/sh', ['-c', LEASH, 'weft-leash', path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const leash = child.stdio[3];
  const { pid, stdout, stderr } = child;
  child.on('error', () => undefined);
  if (pid === undefined || stdout === null || stderr === null || leash === null || leash === undefined)
    throw new Error(`no process for "${path}" could be made`);
  leash.on('error', () => undefined);
  createInterface({ input: stdout }).on('line', (line) => onLine(line, 'stdout'));
  createInterface({ input: stderr }).on('line', (line) => onLine(line, 'stderr'));
  child.on('exit', () => {
    if ('write' in leash) leash.write('ended\n', () => leash.destroy());
  });
  const exited = new Promise<Exit>((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return {
    pid,
    exited,
    kill(signal) {
      child.kill(signal);
    },
  };
}
