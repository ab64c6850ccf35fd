import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseToken } from '../../src/ca/token.ts';
import type { NodeMetadata } from '../../src/model/proxy.ts';
import { createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { createEnvoyAdmin, type EnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { envoyPath } from './envoy-path.ts';
import type { MeshAccess } from './member.ts';

/** An Envoy with nothing beside it: a bootstrap as `weft bootstrap` writes it, and `envoy -c`. */
export interface BareMember {
  readonly admin: EnvoyAdmin;
  readonly log: readonly string[];
  kill(): Promise<void>;
}

/** Starts it; `metadata` is all that its node says. */
export async function startBareMember(
  mesh: MeshAccess,
  name: string,
  metadata: NodeMetadata,
  token: string,
): Promise<BareMember> {
  const nodeId = `${name}.${metadata.namespace}`;
  const folder = join(mesh.folder, 'run', nodeId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const address = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const bootstrap = createBootstrap({
    nodeId,
    metadata,
    controlPlane: { host: '127.0.0.1', port: mesh.xdsPort, serverName: 'xds.weft', rootPem: mesh.rootPem },
    credential: parseToken(token).bearer,
    admin: address,
    stats: { flushInterval: 500 },
  });
  const file = join(folder, 'envoy.json');
  await writeFile(file, JSON.stringify(bootstrap), { mode: 0o600 });
  const log: string[] = [];
  const flags = ['-c', file, '--disable-hot-restart', '--concurrency', '1'];
  const envoy = spawnLeashed(await envoyPath(), flags, (line) => log.push(line));
  return {
    admin: createEnvoyAdmin(address),
    log,
    async kill() {
      envoy.kill('SIGKILL');
      await envoy.exited;
    },
  };
}
