import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../model/failure.ts';
import { claimName } from './claim-name.ts';
import { type PortState, portState } from './port-owner.ts';

/** What is wanted of the address where an application reaches its sidecar. */
export interface OutboundWish {
  /**
   * What the control plane is known by, fingerprints all: sidecars of one mesh have the same local ports, and who shares one of these is of the
   * same mesh. More than one, as a rotation changes the root, and the address may be written in several ways.
   */
  readonly mesh: readonly string[];
  /** The address that somebody asked for: this one or none. */
  readonly asked?: string;
  /** The HTTP_PROXY port, if there is to be one; `isAsked`: somebody chose it, so it is not looked for elsewhere when another program has it. */
  readonly proxy?: { readonly port: number; readonly isAsked: boolean };
  /** Local ports are captured: no other sidecar of the mesh may have them at this address. */
  readonly ports: boolean;
}

export interface OutboundAddress {
  readonly address: string;
  /** Why it is not the usual one, in words. */
  readonly because?: string;
  /** The control plane is known by these, too, from now on: whoever knows it by one of them alone goes elsewhere. */
  alsoOf(mesh: readonly string[]): Promise<void>;
  /** Lets another sidecar have the address; the end of this process does as well. */
  release(): void;
}

const usual = '127.0.0.1';
/** The last byte of the address may be all but 0 and 255. */
const candidates = Array.from({ length: 254 }, (_, index) => `127.0.0.${index + 1}`);
/** How long the Envoy of a process that has just ended may still hold its ports. */
const settling = 1_000;

/**
 * The loopback address where this sidecar's local ports and HTTP_PROXY stand (docs/decisions/46): the one asked for, else 127.0.0.1, else the
 * first beside it that no other sidecar of the mesh has. Throws Failure WEFT0910 where it cannot be had.
 */
export async function claimOutboundAddress(wish: OutboundWish): Promise<OutboundAddress> {
  const { asked, proxy } = wish;
  const wanted = asked ?? usual;
  let because: string | undefined;
  for (const address of asked === undefined ? candidates : [asked]) {
    const claims = createClaims(address);
    if (wish.ports && !(await claims.all(wish.mesh))) {
      because ??= `another sidecar of this mesh has the local ports of ${address}`;
      continue;
    }
    const state = await proxyState(proxy, address, address === wanted);
    if (state.kind === 'free' || proxy === undefined)
      return {
        address,
        ...(because === undefined ? {} : { because }),
        alsoOf: async (mesh) => {
          // One that cannot be had keeps nobody from the mesh: it is there for those who come later.
          if (wish.ports) for (const name of mesh) await claims.one(name).catch(() => false);
        },
        release: claims.release,
      };
    claims.release();
    // Who chose a port, or an address, means it.
    if (proxy.isAsked || asked !== undefined) throw portTaken(address, proxy.port, state);
    because ??= wordsOf(address, proxy.port, state);
  }
  throw new Failure(
    'WEFT0910',
    because ?? 'no loopback address is free',
    asked === undefined
      ? 'stop a sidecar that is not needed, or name an address: --bind 127.0.1.1'
      : 'leave --bind out for an address of its own, or name another one of 127.0.0.0/8',
    wanted,
  );
}

/** All that is claimed of one address. */
function createClaims(address: string) {
  const held = new Map<string, () => void>();
  let isReleased = false;
  const release = () => {
    isReleased = true;
    for (const drop of held.values()) drop();
    held.clear();
  };
  const one = async (name: string): Promise<boolean> => {
    if (held.has(name)) return true;
    const drop = await claimName(`outbound/${name.slice(0, 32)}/${address}`);
    if (drop === undefined) return false;
    if (isReleased) drop();
    else held.set(name, drop);
    return true;
  };
  /** All of them or none. */
  const all = async (names: readonly string[]): Promise<boolean> => {
    for (const name of names) {
      if (await one(name)) continue;
      release();
      return false;
    }
    return true;
  };
  return { one, all, release };
}

/** The state of the HTTP_PROXY port; at the address that is wanted most once what is about to leave it has left. */
async function proxyState(proxy: OutboundWish['proxy'], address: string, isWanted: boolean): Promise<PortState> {
  if (proxy === undefined) return { kind: 'free' };
  const end = Date.now() + (isWanted ? settling : 0);
  for (;;) {
    const isOver = Date.now() >= end;
    const state = await portState(address, proxy.port, isOver && (isWanted || proxy.isAsked));
    if (state.kind !== 'used' || isOver) return state;
    await sleep(50);
  }
}

type NotFree = Exclude<PortState, { kind: 'free' }>;

function wordsOf(address: string, port: number, state: NotFree): string {
  if (state.kind === 'refused') return `${address}:${port} cannot be listened on: ${state.problem}`;
  const { owner } = state;
  return `port ${port} is used by ${owner === undefined ? 'a process of another user' : `pid ${owner.pid} (${owner.name})`}`;
}

/** WEFT0910 for a port that cannot be had, with the process that has it and the flag that names another. */
export function portTaken(address: string, port: number, state: NotFree, flag = '--outbound-port'): Failure {
  const bind = flag === '--outbound-port' ? ', or another address of 127.0.0.0/8 with --bind' : '';
  const other = state.kind === 'refused' ? '' : ', or stop that process';
  return new Failure(
    'WEFT0910',
    wordsOf(address, port, state),
    `choose another with ${flag}${bind}${other}`,
    `${address}:${port}`,
  );
}
