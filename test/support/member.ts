import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseToken } from '../../src/ca/token.ts';
import type { NodeMetadata, NodePort } from '../../src/model/proxy.ts';
import { createEnvoyAdmin, type EnvoyAdmin, type Stats } from '../../src/sidecar/envoy-admin.ts';
import { type Sidecar, startSidecar } from '../../src/sidecar/sidecar.ts';
import { envoyPath } from './envoy-path.ts';

export interface JoinOptions {
  readonly service: string;
  readonly namespace?: string;
  /** Default `<service>-1`. */
  readonly name?: string;
  readonly version?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Where the application listens; a fresh address for a pure client. */
  readonly address?: string;
  /** The application's ports; none for a pure client. */
  readonly ports?: readonly {
    readonly port: number;
    readonly name?: string;
    readonly protocol?: NodePort['protocol'];
  }[];
  /** How its Envoy asks for configuration: for changes (the default, as the product does) or for whole sets. */
  readonly variant?: Variant;
  /** Further flags of its Envoy. */
  readonly envoyFlags?: readonly string[];
  /** Text of the token; absent: a fresh one for exactly this service. */
  readonly token?: string;
  /** What the node says instead of the truth. */
  readonly claims?: Partial<NodeMetadata> & { readonly nodeId?: string };
  /** Commands of policies may be run beside it. */
  readonly allowsCommands?: boolean;
  /** False: do not wait until it is a working member. */
  readonly waitReady?: boolean;
}

export const variants = ['delta', 'sotw'] as const;

export type Variant = (typeof variants)[number];

/** Where a sidecar connects. */
export interface MeshAccess {
  readonly folder: string;
  readonly xdsPort: number;
  readonly rootPem: string;
}

export interface Member {
  readonly id: string;
  /** The loopback address of this member: inbound and outbound listeners. */
  readonly address: string;
  /** The HTTP_PROXY port on `address`. */
  readonly proxyPort: number;
  /** Where callers connect for an application's port. */
  readonly inbound: (port: number) => number;
  readonly admin: EnvoyAdmin;
  readonly sidecar: Sidecar;
  /** What its Envoy wrote. */
  readonly log: readonly string[];
  stats(filter: string): Promise<Stats>;
  /** One counter or gauge by its whole name; 0 when Envoy has not made it yet. */
  stat(name: string): Promise<number>;
}

/** Where callers connect: 10,000 above the application's port, or below. */
export function inboundPort(port: number): number {
  return port + 10_000 < 65_536 ? port + 10_000 : port - 10_000;
}

/** Starts a real sidecar before an application on the same loopback address. Call `sidecar.ready` to know that it works. */
export async function startMember(
  mesh: MeshAccess,
  joining: JoinOptions & { readonly token: string; readonly address: string },
): Promise<Member> {
  const { service, namespace = 'shop', name = `${service}-1`, version, labels = {}, ports = [], address } = joining;
  const { nodeId = `${name}.${namespace}`, ...claims } = joining.claims ?? {};
  const id = `${name}.${namespace}`;
  const runtime = join(mesh.folder, 'run', id);
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  const adminAddress = { kind: 'pipe', path: join(runtime, 'admin.sock') } as const;
  const proxyPort = 15_001;
  const allLabels = { ...labels, ...(version === undefined ? {} : { version }) };
  const log: string[] = [];
  const sidecar = startSidecar({
    bootstrap: {
      nodeId,
      metadata: {
        service,
        namespace,
        ...(Object.keys(allLabels).length > 0 ? { labels: allLabels } : {}),
        ports: ports.map((port) => ({ protocol: 'http', ...port, inbound: inboundPort(port.port) })),
        address,
        inboundBind: address,
        applicationAddress: address,
        capture: { bind: address, proxy: proxyPort, ports: true },
        ...claims,
      },
      controlPlane: { host: '127.0.0.1', port: mesh.xdsPort, serverName: 'xds.weft', rootPem: mesh.rootPem },
      credential: parseToken(joining.token).bearer,
      admin: adminAddress,
      stats: { flushInterval: 500 },
    },
    folder: runtime,
    envoy: joining.variant === 'sotw' ? await wholeSets(runtime) : await envoyPath(),
    concurrency: 1,
    envoyFlags: joining.envoyFlags ?? [],
    allowsCommands: joining.allowsCommands ?? false,
    onEvent: (event) => log.push(`weft ${JSON.stringify(event)}`),
    onLog: (line) => log.push(line),
  });
  const admin = createEnvoyAdmin(adminAddress);
  const stats = (filter: string) => admin.stats(filter);
  return {
    id,
    address,
    proxyPort,
    inbound: inboundPort,
    admin,
    sidecar,
    log,
    stats,
    stat: async (whole) => (await stats(`^${whole.replaceAll('.', '\\.')}$`)).get(whole) ?? 0,
  };
}

/** A program that is Envoy, but for one word of the bootstrap that it is given after `-c`: state of the world instead of changes. */
async function wholeSets(folder: string): Promise<string> {
  const path = join(folder, 'envoy-sotw');
  const edit = `[ "$1" != -c ] || { sed -i.bak 's/"DELTA_GRPC"/"GRPC"/' "$2" && rm "$2.bak"; }`;
  await writeFile(path, `#!/bin/sh\n${edit}\nexec '${await envoyPath()}' "$@"\n`, { mode: 0o700 });
  return path;
}

/** Every `update_rejected` above 0, as text: what this Envoy refused. */
export async function refusedUpdates(member: Member): Promise<readonly string[]> {
  if (member.sidecar.pid() === undefined) return [];
  const stats = await member.stats('update_rejected');
  return [...stats].filter(([, value]) => value > 0).map(([name, value]) => `${member.id} ${name} ${value}`);
}

/** What to know about a member when a test failed: what it holds, what it counted, what it said. */
export async function memberReport(member: Member): Promise<string> {
  const ask = (path: string) => member.admin.get(path).catch((error: unknown) => String(error));
  const stats = (await ask('/stats?usedonly')).split('\n').filter((line) => !line.startsWith('http.admin.'));
  const dump = withoutBootstrap(await ask('/config_dump'));
  return [
    `===== ${member.id} at ${member.address}, pid ${member.sidecar.pid() ?? 'none'}`,
    `--- configuration\n${dump}`,
    `--- endpoints\n${await ask('/clusters')}`,
    `--- statistics\n${stats.join('\n')}`,
    `--- log\n${member.log.slice(-80).join('\n')}`,
  ].join('\n');
}

/** The bootstrap holds the credential; what came by xDS does not, and Envoy hides private keys itself. */
function withoutBootstrap(text: string): string {
  if (!text.startsWith('{')) return text;
  const { configs }: { readonly configs: readonly { readonly '@type': string }[] } = JSON.parse(text);
  const shown = configs.filter((config) => !config['@type'].endsWith('.BootstrapConfigDump'));
  return shown.map((config) => JSON.stringify(config)).join('\n');
}
