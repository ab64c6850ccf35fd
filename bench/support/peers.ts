import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Starters } from './contestant.ts';
import { startProgram } from './program.ts';

/** Other servers, each a Go program below bench/peers, and the option of the command line that lets it take part. */
const peers = {
  'go-control-plane': { folder: '.', option: '--peers' },
  istiod: { folder: 'istiod', option: '--istiod' },
} as const;

export type PeerName = keyof typeof peers;

/** Beyond this it takes minutes to connect. */
export const largestPeerFleet = 1_000;

/** Where the compiled benchmarks stand, two folders above this file; their sources are two further up. */
const programOf = (name: PeerName) => fileURLToPath(new URL(`../../peer-${name}`, import.meta.url));
const sourcesOf = (name: PeerName) =>
  fileURLToPath(new URL(`../../../../bench/peers/${peers[name].folder}`, import.meta.url));

/** How those of these peers are started that the command line wants and that compile here; a word on why of the others. */
export function buildPeers(...names: readonly PeerName[]): Starters {
  return new Map(
    names
      .filter((name) => process.argv.includes(peers[name].option) && build(name))
      // One core each side: the two servers on Node use no more, and the load client needs the other.
      .map((name) => [name, () => startProgram(programOf(name), [], { GOMAXPROCS: '1' })]),
  );
}

function build(name: PeerName): boolean {
  const go = ['go', '/usr/local/go/bin/go'].find((command) => spawnSync(command, ['version']).status === 0);
  if (go === undefined) {
    console.log(`peers    go is not installed: ${name} takes no part`);
    return false;
  }
  const [program, cwd] = [programOf(name), sourcesOf(name)];
  const { status } = spawnSync(go, ['build', '-o', program, '.'], { cwd, stdio: 'inherit' });
  if (status === 0 && existsSync(program)) return true;
  console.log(`peers    ${cwd} does not compile here: ${name} takes no part`);
  return false;
}

/** What istiod calls the endpoints of a service: it makes its resources itself. */
export function istiodName(service: string): string {
  const [host, port] = service.split(':');
  return `outbound|${port}||${host}`;
}
