import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { parseToken } from '../../src/ca/token.ts';
import { readSettings, type SettingOverride } from '../../src/control-plane/settings.ts';
import { type ControlPlane, startControlPlane } from '../../src/control-plane/start-control-plane.ts';
import type { NodePort } from '../../src/model/proxy.ts';
import type { ProxyStatus } from '../../src/model/status.ts';
import { createEnvoyAdmin, type EnvoyAdmin, type Stats } from '../../src/sidecar/envoy-admin.ts';
import { type Sidecar, startSidecar } from '../../src/sidecar/sidecar.ts';
import { envoyPath } from './envoy-path.ts';
import { eventually } from './eventually.ts';

/** The members of a whole mesh for tests: a control plane, a policy repository, real Envoys. All on loopback addresses of its own. */
export interface TestMesh {
  readonly folder: string;
  readonly controlPlane: () => ControlPlane;
  /** Writes files below `policies/` (undefined deletes), commits, and waits until the control plane has judged the commit. */
  commit(files: Readonly<Record<string, string | undefined>>): Promise<string>;
  /** A loopback address that nobody else has: for an application and its sidecar. */
  nextAddress(): string;
  /** A sidecar before an application. */
  join(options: JoinOptions): Promise<Member>;
  /** Waits until every proxy has acknowledged the newest commit. */
  synced(): Promise<void>;
  /** A token for a service; its text. */
  token(service: string, namespace?: string): Promise<string>;
  restartControlPlane(): Promise<void>;
  /** Stops everything. With `checkRejected` (the default) it fails if any Envoy refused anything. */
  close(options?: { readonly checkRejected?: boolean }): Promise<void>;
}

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
}

export interface Member {
  readonly id: string;
  /** The loopback address of this member: inbound and outbound listeners. */
  readonly address: string;
  /** The HTTP_PROXY port on `address`. */
  readonly proxyPort: number;
  readonly inbound: (port: number) => number;
  readonly admin: EnvoyAdmin;
  readonly sidecar: Sidecar;
  /** The local port of a service's port. */
  localPort(service: string, port: number): number;
  stats(filter: string): Promise<Stats>;
}

const run = promisify(execFile);
const gitEnvironment = {
  ...process.env,
  GIT_AUTHOR_NAME: 'Ana',
  GIT_AUTHOR_EMAIL: 'ana@mesh.test',
  GIT_COMMITTER_NAME: 'Ana',
  GIT_COMMITTER_EMAIL: 'ana@mesh.test',
};

/** Starts a control plane on the policies given; every test file has its own loopback network, so files run side by side. */
export async function startTestMesh(options: {
  readonly policies: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Partial<Record<SettingOverride['key'], SettingOverride['value']>>>;
}): Promise<TestMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  const network = `127.${64 + Math.floor(Math.random() * 128)}.${Math.floor(Math.random() * 256)}`;
  const git = (...args: string[]) => run('git', args, { cwd: folder, env: gitEnvironment });
  await git('init', '-q', '-b', 'main');
  await write(folder, options.policies);
  await git('add', '-A');
  await git('commit', '-qm', 'policies');

  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => log.push(line) });
  let xdsPort = 0;
  const start = async (): Promise<ControlPlane> => {
    const overrides: Record<string, SettingOverride['value']> = {
      trustDomain: 'demo.mesh',
      stateDir: join(folder, 'state'),
      'policy.repository': folder,
      'policy.poll': 50,
      'xds.address': '127.0.0.1',
      'xds.port': xdsPort,
      'admin.port': 0,
      'admin.loopbackReads': true,
      'registry.grace': 2_000,
      'push.quiet': 20,
      ...options.settings,
    };
    const settings = readSettings(
      undefined,
      Object.entries(overrides).map(([key, value]) => ({
        key: key as SettingOverride['key'],
        value: asSetting(key, value),
        from: 'test',
      })),
    );
    const started = await startControlPlane({ settings, logger, version: '0.1.0', envoyVersion: '1.40.0' });
    xdsPort = started.xdsPort;
    return started;
  };
  let controlPlane = await start();
  const envoy = await envoyPath();
  const members: Member[] = [];
  let addresses = 0;
  const envoyLog: string[] = [];

  const proxies = (): readonly ProxyStatus[] => controlPlane.values.proxies();
  const mesh: TestMesh = {
    folder,
    controlPlane: () => controlPlane,
    async commit(files) {
      await write(folder, files);
      await git('add', '-A');
      await git('commit', '-qm', 'change', '--allow-empty');
      const { stdout } = await git('rev-parse', 'HEAD');
      const commit = stdout.trim().slice(0, 7);
      await controlPlane.refreshPolicies();
      await eventually(`commit ${commit} was looked at`, () => controlPlane.policies.get().head?.commit === commit);
      return commit;
    },
    nextAddress() {
      addresses += 1;
      return `${network}.${addresses}`;
    },
    async token(service, namespace = 'shop') {
      const grant = {
        role: 'workload',
        namespace,
        serviceAccount: service,
        service,
        addresses: ['127.0.0.0/8'],
        ports: [],
      } as const;
      const { text } = await controlPlane.tokens.create({ grant, createdBy: 'test' });
      return text.expose();
    },
    async join(joining) {
      const { service, namespace = 'shop', name = `${service}-1`, version, labels = {}, ports = [] } = joining;
      const { address = mesh.nextAddress() } = joining;
      const { bearer } = parseToken(await mesh.token(service, namespace));
      const id = `${name}.${namespace}`;
      const runtime = join(folder, 'run', id);
      await mkdir(runtime, { recursive: true, mode: 0o700 });
      const adminAddress = { kind: 'pipe', path: join(runtime, 'admin.sock') } as const;
      const proxyPort = 15_001;
      const inbound = (port: number) => (port + 10_000 < 65_536 ? port + 10_000 : port - 10_000);
      const allLabels = { ...labels, ...(version === undefined ? {} : { version }) };
      const sidecar = startSidecar({
        bootstrap: {
          nodeId: id,
          metadata: {
            service,
            namespace,
            ...(Object.keys(allLabels).length > 0 ? { labels: allLabels } : {}),
            ports: ports.map((port) => ({ protocol: 'http', ...port, inbound: inbound(port.port) })),
            address,
            inboundBind: address,
            applicationAddress: address,
            capture: { bind: address, proxy: proxyPort, ports: true },
          },
          controlPlane: { host: '127.0.0.1', port: xdsPort, serverName: 'xds.weft', rootPem: controlPlane.rootPem },
          credential: bearer,
          admin: adminAddress,
          stats: { flushInterval: 500 },
        },
        folder: runtime,
        envoy,
        concurrency: 1,
        onEvent: () => undefined,
        onLog: (line) => envoyLog.push(`${id} ${line}`),
      });
      const admin = createEnvoyAdmin(adminAddress);
      const member: Member = {
        id,
        address,
        proxyPort,
        inbound,
        admin,
        sidecar,
        localPort(host, port) {
          const found = [...(controlPlane.mesh.get()?.localPorts ?? [])].find(
            ([key]) => key.startsWith(`${namespace}/${host}.`) && key.endsWith(`:${port}`),
          );
          if (!found) throw new Error(`no local port for ${host}:${port}`);
          return found[1];
        },
        stats: (filter) => admin.stats(filter),
      };
      members.push(member);
      await sidecar.ready;
      return member;
    },
    async synced() {
      const commit = controlPlane.policies.get().served?.revision.commit;
      await eventually(`every proxy acknowledged ${commit}`, () => {
        const all = proxies();
        return (
          controlPlane.mesh.get()?.policies.commit === commit &&
          all.length > 0 &&
          all.every(({ status, revision }) => status === 'SYNCED' && revision.serving === commit)
        );
      });
    },
    async restartControlPlane() {
      await controlPlane.close();
      controlPlane = await start();
    },
    async close({ checkRejected = true } = {}) {
      const refused: string[] = [];
      for (const member of members.filter(({ sidecar }) => sidecar.pid() !== undefined)) {
        const stats = await member.stats('update_rejected').catch(() => new Map<string, number>());
        for (const [name, value] of stats) if (value > 0) refused.push(`${member.id} ${name} ${value}`);
      }
      await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
      await controlPlane.close();
      if (process.env.WEFT_TEST_LOGS !== undefined) {
        await writeFile(process.env.WEFT_TEST_LOGS, [...log, ...envoyLog].join('\n'));
      }
      await rm(folder, { recursive: true, force: true });
      if (checkRejected && refused.length > 0)
        throw new Error(`an Envoy refused configuration: ${refused.join(', ')}\n${log.join('')}`);
    },
  };
  return mesh;
}

async function write(folder: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, 'policies', path);
    await mkdir(dirname(file), { recursive: true });
    if (text === undefined) await rm(file, { force: true });
    else await writeFile(file, text);
  }
}

/** Settings check text as `weft.yaml` would hold it: durations are written with a unit. */
function asSetting(key: string, value: SettingOverride['value']): SettingOverride['value'] {
  const isDuration = typeof value === 'number' && !/port|base$/i.test(key);
  return isDuration ? `${value}ms` : value;
}

/** The shop's policies, as the demo runs them. */
export async function shopPolicies(): Promise<Record<string, string>> {
  const names = ['mesh', 'authz', 'frontend', 'catalog', 'reviews', 'payments'];
  const read = async (name: string) =>
    [
      `${name}.yaml`,
      await readFile(new URL(`../../examples/shop/policies/${name}.yaml`, import.meta.url), 'utf8'),
    ] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}
