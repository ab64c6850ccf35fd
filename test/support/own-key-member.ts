import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEnvoyAdmin, type EnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { keyPair } from '../../src/sidecar/own-identity.ts';
import { envoyPath } from './envoy-path.ts';
import type { MeshAccess } from './member.ts';
import { type InProcessRun, startInProcess } from './run-in-process.ts';

/** A member as `weft run` makes it: its key is its own. */
export interface OwnKeyMember extends InProcessRun {
  readonly address: string;
  readonly admin: EnvoyAdmin;
  /** Its certificate chain and key of this moment, from its files. */
  keyPair(): ReturnType<typeof keyPair>;
}

/** Starts `weft run` before an application on a loopback address; it is in the mesh when this resolves. */
export async function startOwnKeyMember(
  mesh: Omit<MeshAccess, 'rootPem'>,
  joining: {
    readonly service: string;
    readonly address: string;
    /** As `--port` takes them. */
    readonly ports: readonly string[];
    readonly token: string;
    readonly envoyFlags?: readonly string[];
  },
): Promise<OwnKeyMember> {
  const { service, address, ports, token, envoyFlags = [] } = joining;
  const folder = join(mesh.folder, `own-${service}`);
  mkdirSync(folder, { mode: 0o700 });
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const admin = join(folder, 'admin.sock');
  const words = [
    ...['--service', service, '--token-file', tokenFile, '--admin', admin, '--outbound-port', `${await freePort()}`],
    ...ports.flatMap((port) => ['--port', port]),
    ...['--application-address', '--inbound-bind', '--address', '--bind'].flatMap((flag) => [flag, address]),
    ...['--stats-interval', '0.5', '--', ...envoyFlags],
  ];
  const run = startInProcess({ folder, envoy: await envoyPath(), xdsPort: mesh.xdsPort, words });
  await run.ready();
  const kept = join(folder, 'kept/weft');
  return {
    ...run,
    address,
    admin: createEnvoyAdmin({ kind: 'pipe', path: admin }),
    keyPair: () => keyPair(join(kept, readdirSync(kept)[0] ?? '', `${service}-1.shop`)),
  };
}
