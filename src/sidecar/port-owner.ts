import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer, isIPv4 } from 'node:net';

export interface PortOwner {
  readonly pid: number;
  /** Name of the program, `node`. */
  readonly name: string;
}

export type PortState =
  | { readonly kind: 'free' }
  /** `owner` is undefined where the system does not tell (another user's process, no /proc). */
  | { readonly kind: 'used'; readonly owner?: PortOwner }
  /** The address is not of this machine, or the port needs a privilege. */
  | { readonly kind: 'refused'; readonly problem: string };

/** Whether somebody could listen there now, and who does: Envoy says of a port in use only that it is. To find who, all of /proc is read. */
export function portState(address: string, port: number, asksWho = true): Promise<PortState> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return resolve({ kind: 'refused', problem: refusal(error) });
      const owner = asksWho ? portOwner(address, port) : undefined;
      resolve(owner === undefined ? { kind: 'used' } : { kind: 'used', owner });
    });
    probe.listen({ host: address, port, exclusive: true }, () => probe.close(() => resolve({ kind: 'free' })));
  });
}

/** The process that listens there, from /proc; undefined where that cannot be seen. */
function portOwner(address: string, port: number): PortOwner | undefined {
  const inodes = listeningInodes(address, port);
  if (inodes.size === 0) return undefined;
  for (const pid of numbersIn('/proc')) {
    for (const descriptor of numbersIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return { pid, name: textOf(`/proc/${pid}/comm`).trim() };
    }
  }
  return undefined;
}

function listeningInodes(address: string, port: number): ReadonlySet<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const isMeant = addressTest(address);
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textOf(file).split('\n')) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      // 0A is LISTEN.
      if (state === '0A' && local.endsWith(suffix) && isMeant(local) && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

/** Whether a line is about who stands in the way: the same port of another loopback address is often another sidecar's. */
function addressTest(address: string): (local: string) => boolean {
  // Whoever wants all addresses may be kept from them by any; IPv6 addresses are told apart by their port alone.
  if (!isIPv4(address) || address === '0.0.0.0') return () => true;
  // The kernel prints the four bytes as one number, which is the wrong way round on the machines that Envoy is built for.
  const own = Buffer.from(address.split('.').map(Number).reverse()).toString('hex').toUpperCase();
  return (local) => {
    const [at = ''] = local.split(':');
    return /^0+$/.test(at) || at === own || at === `0000000000000000FFFF0000${own}`;
  };
}

function numbersIn(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    // The process has ended, or belongs to somebody else.
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function refusal(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return 'ports below 1024 need a privilege';
  if (error.code === 'EADDRNOTAVAIL') return 'this machine does not have the address';
  return error.message;
}
