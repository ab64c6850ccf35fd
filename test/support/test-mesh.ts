import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Svid } from '../../src/ca/svid.ts';
import type { WorkloadGrant } from '../../src/ca/token-record.ts';
import { readSettings, type SettingOverride } from '../../src/control-plane/settings.ts';
import { type ControlPlane, startControlPlane } from '../../src/control-plane/start-control-plane.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import type { ServerTiming } from '../../src/xds/server-options.ts';
import { eventually } from './eventually.ts';
import { type JoinOptions, type Member, memberReport, refusedUpdates, startMember } from './member.ts';
import { createPolicyFolder, type PolicyFiles, type PolicyFolder } from './policy-folder.ts';

/** The members of a whole mesh for tests: a control plane, a policy repository, real Envoys. All on loopback addresses of its own. */
export interface TestMesh {
  readonly folder: string;
  readonly repository: PolicyFolder;
  readonly controlPlane: () => ControlPlane;
  /** Every line that the control plane has logged. */
  readonly log: readonly string[];
  /** Writes files below `policies/` (undefined deletes), commits, and waits until the control plane has judged the commit. */
  commit(files: PolicyFiles): Promise<string>;
  /** Commits what must be good, and waits until every member has it. */
  apply(files: PolicyFiles): Promise<void>;
  /** A loopback address that nobody else has: for an application and its sidecar. */
  nextAddress(): string;
  /** A sidecar before an application. */
  join(options: JoinOptions): Promise<Member>;
  /** Waits until every living member is connected and has acknowledged the newest commit. */
  synced(): Promise<void>;
  /** The local port of a service's port: on every member's address. */
  localPort(service: string, port: number): number;
  /** A token for a service; its text. */
  token(service: string, grant?: Partial<WorkloadGrant>): Promise<string>;
  /** A certificate of this mesh, as the control plane would issue it to a workload. */
  certificate(service: string, namespace?: string): Promise<Svid>;
  restartControlPlane(): Promise<void>;
  /** What the members hold, counted and said, for whoever looks for the reason of a failure. */
  report(): Promise<string>;
  /** Stops everything. With `checkRejected` (the default) it fails if any Envoy refused anything. */
  close(options?: { readonly checkRejected?: boolean }): Promise<void>;
}

export interface TestMeshOptions {
  readonly policies: PolicyFiles;
  readonly settings?: Readonly<Partial<Record<SettingOverride['key'], SettingOverride['value']>>>;
  /** Of its xDS server. Absent: what is removed goes after one second. */
  readonly timing?: Partial<ServerTiming>;
}

/** Addresses of one process: the process id makes the network, so test files run side by side. */
const network = `127.${64 + ((process.pid >> 8) & 127)}.${process.pid & 255}`;
let addresses = 0;

/** A loopback address that nobody else has: those of files whose tests are over come again. */
export function nextAddress(): string {
  addresses = (addresses % 254) + 1;
  return `${network}.${addresses}`;
}

/**
 * A mesh for all tests of a file, stopped after them; after a failed test it prints what the members hold, counted and said (section 6 of
 * house.md). `prepare` runs once it is up.
 */
export function useTestMesh(
  options: () => TestMeshOptions | Promise<TestMeshOptions>,
  prepare: (mesh: TestMesh) => Promise<void> = async () => undefined,
): () => TestMesh {
  let mesh: TestMesh | undefined;
  const started = () => {
    if (mesh === undefined) throw new Error('the mesh is not started yet');
    return mesh;
  };
  beforeAll(async () => {
    mesh = await startTestMesh(await options());
    try {
      await prepare(mesh);
    } catch (error) {
      console.error(await mesh.report());
      throw error;
    }
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await started().report());
  });
  afterAll(() => mesh?.close());
  return started;
}

/** Starts a control plane on the policies given; every mesh has its own loopback network, so files run side by side. */
export async function startTestMesh(options: TestMeshOptions): Promise<TestMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-e2e-'));
  const repository = await createPolicyFolder(folder, options.policies);
  const { timing = { grace: 1_000 } } = options;
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => log.push(line.trimEnd()) });
  const trustDomain = 'demo.mesh';
  const stateDir = join(folder, 'state');
  let xdsPort = 0;
  const start = async (): Promise<ControlPlane> => {
    const overrides: Record<string, SettingOverride['value']> = {
      trustDomain,
      stateDir,
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
    const started = await startControlPlane({ settings, logger, timing, version: '0.1.0', envoyVersion: '1.40.0' });
    xdsPort = started.xdsPort;
    return started;
  };
  let controlPlane = await start();
  const members: Member[] = [];
  /** Members that may never be accepted. */
  const strangers = new Set<string>();

  const mesh: TestMesh = {
    folder,
    repository,
    controlPlane: () => controlPlane,
    log,
    nextAddress,
    async commit(files) {
      const commit = await repository.commit(files);
      await controlPlane.refreshPolicies();
      await eventually(`commit ${commit} was looked at`, () => controlPlane.policies.get().head?.commit === commit);
      return commit;
    },
    async apply(files) {
      const commit = await mesh.commit(files);
      const { head, diagnostics } = controlPlane.policies.get();
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      if (head?.state !== 'Applied') throw new Error(`commit ${commit} was rejected: ${JSON.stringify(errors)}`);
      await mesh.synced();
    },
    async token(service, grant = {}) {
      const whole = {
        role: 'workload',
        namespace: 'shop',
        services: [service],
        addresses: ['127.0.0.0/8'],
        ports: [],
        ...grant,
      } as const;
      const { text } = await controlPlane.tokens.create({ grant: whole, createdBy: 'test' });
      return text.expose();
    },
    async certificate(service, namespace = 'shop') {
      const store = openFileStore(stateDir);
      const authority = await openAuthority({ store, clock: systemClock, trustDomain, allowShortLives: true });
      try {
        return authority.issue({ trustDomain, namespace, serviceAccount: service });
      } finally {
        authority.dispose();
      }
    },
    async join(joining) {
      const { service, namespace = 'shop', address = nextAddress(), waitReady = true } = joining;
      const { token = await mesh.token(service, { namespace }) } = joining;
      const { rootPem } = controlPlane;
      const member = await startMember({ folder, xdsPort, rootPem }, { ...joining, address, token });
      members.push(member);
      if (!waitReady) strangers.add(member.id);
      if (waitReady) await member.sidecar.ready;
      return member;
    },
    async synced() {
      const commit = controlPlane.policies.get().served?.revision.commit;
      await eventually(`every proxy acknowledged ${commit}`, () => {
        const all = controlPlane.values.proxies();
        const connected = new Set(all.map(({ name, namespace }) => `${name}.${namespace}`));
        return (
          controlPlane.mesh.get()?.policies.commit === commit &&
          members.every(({ id, sidecar }) => strangers.has(id) || sidecar.pid() === undefined || connected.has(id)) &&
          all.every(({ status, revision }) => status === 'SYNCED' && revision.serving === commit)
        );
      });
    },
    localPort(service, port) {
      const found = [...(controlPlane.mesh.get()?.localPorts ?? [])].find(
        ([key]) => key.startsWith(`shop/${service}.`) && key.endsWith(`:${port}`),
      );
      if (!found) throw new Error(`no local port for ${service}:${port}`);
      return found[1];
    },
    async restartControlPlane() {
      await controlPlane.close();
      controlPlane = await start();
    },
    async report() {
      const parts = await Promise.all(members.map(memberReport));
      return [...parts, '===== control plane', ...log.slice(-80)].join('\n');
    },
    async close({ checkRejected = true } = {}) {
      const refused = (await Promise.all(members.map(refusedUpdates))).flat();
      const report = checkRejected && refused.length > 0 ? await mesh.report() : '';
      await Promise.all(members.map(({ sidecar }) => sidecar.kill()));
      await controlPlane.close();
      if (process.env.WEFT_TEST_LOGS !== undefined) {
        const said = members.flatMap((member) => member.log.map((line) => `${member.id} ${line}`));
        await writeFile(process.env.WEFT_TEST_LOGS, [...log, ...said].join('\n'));
      }
      await rm(folder, { recursive: true, force: true });
      if (report !== '') throw new Error(`an Envoy refused configuration: ${refused.join(', ')}\n${report}`);
    },
  };
  return mesh;
}

/** Settings check text as `weft.yaml` would hold it: durations are written with a unit. */
function asSetting(key: string, value: SettingOverride['value']): SettingOverride['value'] {
  const isDuration = typeof value === 'number' && !/port|base$/i.test(key);
  return isDuration ? `${value}ms` : value;
}

/** A `v1/Service` of namespace shop whose port 80 leads to 9080. */
export function serviceYaml(name: string, ports = '[{ name: http, port: 80, targetPort: 9080 }]'): string {
  return [
    '---',
    'apiVersion: v1',
    'kind: Service',
    `metadata: { name: ${name}, namespace: shop }`,
    `spec: { selector: { app: ${name} }, ports: ${ports} }`,
    '',
  ].join('\n');
}

/** Mutual TLS in the whole mesh. */
export function mutualTlsYaml(mode: 'STRICT' | 'PERMISSIVE' | 'DISABLE'): string {
  return [
    '---',
    'apiVersion: security.istio.io/v1',
    'kind: PeerAuthentication',
    'metadata: { name: default, namespace: istio-system }',
    `spec: { mtls: { mode: ${mode} } }`,
    '',
  ].join('\n');
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
