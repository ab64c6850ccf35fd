import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const peerName = 'go-control-plane';
/** Beyond this it takes minutes to connect. */
export const largestPeerFleet = 1_000;

/** Where the compiled benchmarks stand, two folders above this file; their sources are two further up. */
const program = fileURLToPath(new URL('../../peer', import.meta.url));
const sources = fileURLToPath(new URL('../../../../bench/peers', import.meta.url));

/** Compiles bench/peers and returns the program; undefined, with a word on why, where that is not possible. */
export function buildPeer(): string | undefined {
  const go = ['go', '/usr/local/go/bin/go'].find((name) => spawnSync(name, ['version']).status === 0);
  if (go === undefined) {
    console.log('peers    go is not installed: go-control-plane takes no part');
    return undefined;
  }
  const { status } = spawnSync(go, ['build', '-o', program, '.'], { cwd: sources, stdio: 'inherit' });
  if (status === 0 && existsSync(program)) return program;
  console.log('peers    bench/peers does not compile here: go-control-plane takes no part');
  return undefined;
}
