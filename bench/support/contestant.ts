import { fileURLToPath } from 'node:url';
import { type Program, startProgram } from './program.ts';
import type { Certificates, LoadCommands, ResourceText, ServerCommands } from './protocol.ts';

/** A server and the proxies that are connected to it, each a process of its own. */
export interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly server: Program<ServerCommands>;
  readonly load: Program<LoadCommands>;
  end(): Promise<void>;
}

export interface ContestantOptions {
  readonly resources: readonly ResourceText[];
  readonly certificates?: Certificates | undefined;
}

/** Starts the server that is called so, with these resources, and a load client that is not connected yet. */
export async function startContestant(
  name: string,
  server: Program<ServerCommands>,
  { resources, certificates }: ContestantOptions,
): Promise<Contestant> {
  const load = startLoad();
  const { port } = await server.ask('start', { resources, ...(certificates === undefined ? {} : { certificates }) });
  return {
    name,
    port,
    server,
    load,
    async end() {
      await Promise.all([load.end(), server.end()]);
    },
  };
}

export function startLoad(): Program<LoadCommands> {
  return startNode('load-client');
}

export function startWeft(): Program<ServerCommands> {
  return startNode('weft-server');
}

export function startFloor(): Program<ServerCommands> {
  return startNode('floor-server');
}

/** How each contestant is started. */
export type Starters = ReadonlyMap<string, () => Program<ServerCommands>>;

/** Weft, the floor, and whoever else takes part. */
export function starters(peers: Starters = new Map()): Starters {
  return new Map([['weft', startWeft], ['floor', startFloor], ...peers]);
}

function startNode<Commands>(file: string): Program<Commands> {
  return startProgram(process.execPath, [fileURLToPath(new URL(`./${file}.js`, import.meta.url))]);
}
