import { readFileSync } from 'node:fs';

/**
 * A process that cannot be mistaken for a later one with the same number: its start in clock ticks since boot, and the boot
 * (first 8 hex digits of the kernel's boot id). Where the kernel tells neither, both are `0` and the number alone decides.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, start: startOf(process.pid)?.start ?? '0', boot: bootId() };
}

/** True while exactly that process lives; a zombie (killed, not yet reaped) counts as dead. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.boot !== bootId()) return false;
  if (identity.start === '0') return isRunning(identity.pid);
  const now = startOf(identity.pid);
  return now !== undefined && now.start === identity.start && !now.ended;
}

/** Field 22 of /proc/<pid>/stat and whether field 3 says it has ended. The name in field 2 may itself hold `)` and spaces. */
function startOf(pid: number): { readonly start: string; readonly ended: boolean } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = '', start = '0'] = [fields[0], fields[19]];
    return { start, ended: state === 'Z' || state === 'X' };
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').replaceAll('-', '').slice(0, 8);
  } catch {
    return '0';
  }
}

/** True if some process has this number now. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
