import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { envoyPath } from './envoy-path.ts';
import { eventually } from './eventually.ts';

/** A real Envoy with nobody to ask. */
export interface StaticEnvoy {
  /** The ports of its listeners, in their order. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/** What it has, as `static_resources` say it. Envoy chooses the port of a listener that says 0. */
export interface StaticResources {
  readonly listeners: readonly { readonly name: string }[];
  readonly clusters?: readonly object[];
  readonly secrets?: readonly object[];
}

/** Starts it and waits until it is ready; one that ends instead is an error with what it said. */
export async function startStaticEnvoy(name: string, resources: StaticResources): Promise<StaticEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), `weft-${name}-`));
  const admin = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const bootstrap = {
    node: { id: name, cluster: name },
    admin: { address: { pipe: { path: admin.path, mode: 0o600 } } },
    static_resources: resources,
    // As Weft's bootstraps: the size of expressions is bounded by the check of policies.
    layered_runtime: {
      layers: [
        { name: 'static', static_layer: { re2: { max_program_size: { error_level: 32_768, warn_level: 32_768 } } } },
      ],
    },
  };
  const file = join(folder, 'envoy.json');
  await writeFile(file, JSON.stringify(bootstrap));
  const log: string[] = [];
  const flags = [
    '-c',
    file,
    '--disable-hot-restart',
    '--concurrency',
    '1',
    '-l',
    'error',
    '--file-flush-interval-msec',
    '50',
  ];
  const envoy = spawnLeashed(await envoyPath(), flags, (line) => log.push(line));
  const stop = async () => {
    envoy.kill('SIGKILL');
    await envoy.exited;
    await rm(folder, { recursive: true, force: true });
  };
  let ended = false;
  void envoy.exited.then(() => {
    ended = true;
  });
  try {
    const client = createEnvoyAdmin(admin, 5_000);
    await eventually(`the Envoy of the ${name} is ready`, async () => ended || (await client.ready()), 60_000);
    if (ended) throw new Error(`Envoy ended:\n${log.join('\n').slice(0, 4_000)}`);
    const portOf = portsOf(await client.get('/listeners?format=json'));
    return { ports: resources.listeners.map((listener) => portOf.get(listener.name) ?? 0), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** By name, from what `/listeners?format=json` says. */
function portsOf(text: string): ReadonlyMap<string, number> {
  const { listener_statuses: statuses } = JSON.parse(text) as {
    readonly listener_statuses: readonly {
      readonly name: string;
      readonly local_address: { readonly socket_address: { readonly port_value: number } };
    }[];
  };
  return new Map(statuses.map((status) => [status.name, status.local_address.socket_address.port_value]));
}
