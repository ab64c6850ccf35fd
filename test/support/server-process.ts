import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { openAuthority } from '../../src/ca/authority.ts';
import { openTokenStore } from '../../src/ca/token-store.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { eventually } from './eventually.ts';

/** The control plane as a process of its own: `weft server` of the built product. */
export interface ServerProcess {
  readonly xdsPort: number;
  readonly rootPem: string;
  /** Text of a token for a service of namespace shop, good at any loopback address. */
  readonly token: (service: string) => string;
  readonly log: readonly string[];
  /** What the admin API answers at a path, `/debug/adsz` for example: as JSON, unchecked. */
  admin(path: string): Promise<unknown>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, with the same settings and state; resolves once it listens, with the milliseconds that took. */
  start(): Promise<number>;
}

export interface ServerProcessOptions {
  /** Further lines of its `weft.yaml`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Of Node, before the program. */
  readonly flags?: readonly string[];
}

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, '../..');
const main = join(repository, 'dist/cli/main.js');
const trustDomain = 'demo.mesh';

/**
 * Starts `weft server` in `folder`, a policy repository, with a `weft.yaml` of its own. It runs what `npm test` has built; a
 * missing `dist` is built here. Tokens for `services` are in its state from the start: the CLI's would be bound to one address.
 */
export async function startServerProcess(
  folder: string,
  services: readonly string[],
  more: ServerProcessOptions = {},
): Promise<ServerProcess> {
  await requireBuilt();
  const { rootPem, tokens } = await prepareState(join(folder, 'state'), services);
  const xdsPort = await freePort();
  const settings = {
    trustDomain,
    stateDir: 'state',
    'policy.poll': '100ms',
    'xds.address': '127.0.0.1',
    'xds.port': xdsPort,
    'admin.port': 0,
    'admin.loopbackReads': true,
    ...more.settings,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${value}\n`);
  await writeFile(join(folder, 'weft.yaml'), lines.join(''));
  const log: string[] = [];
  let child: ChildProcess | undefined;

  const server: ServerProcess = {
    xdsPort,
    rootPem,
    token(service) {
      const text = tokens.get(service);
      if (text === undefined) throw new RangeError(`no token was made for ${service}`);
      return text;
    },
    log,
    async admin(path) {
      const api = await readFile(join(folder, 'state/api-address'), 'utf8');
      const answer = await fetch(new URL(path, api.trim()));
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return answer.json();
    },
    async kill() {
      const victim = child;
      child = undefined;
      if (victim === undefined || victim.exitCode !== null || victim.signalCode !== null) return;
      const gone = new Promise((done) => victim.once('exit', done));
      victim.kill('SIGKILL');
      await gone;
    },
    async start() {
      const began = performance.now();
      const seen = log.length;
      const args = [...(more.flags ?? []), main, 'server', '--config', 'weft.yaml'];
      const started = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
      child = started;
      started.stderr.on('data', (chunk: Buffer) => log.push(...chunk.toString().trimEnd().split('\n')));
      const said = () => log.slice(seen);
      await eventually(
        'the server is up',
        () => started.exitCode !== null || said().some((line) => line.includes('"msg":"started"')),
        20_000,
      );
      if (started.exitCode !== null) throw new Error(`it ended with ${started.exitCode}: ${said().join('\n')}`);
      return performance.now() - began;
    },
  };
  await server.start();
  return server;
}

/** `weft ARGS` in a folder: its exit code and all that it said. */
export async function runWeft(folder: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  await requireBuilt();
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearTimeout(late);
  return { code, said };
}

async function requireBuilt(): Promise<void> {
  if (!existsSync(main)) await run(process.execPath, [join(repository, 'scripts/build.mjs')]);
}

async function prepareState(stateDir: string, services: readonly string[]) {
  const store = openFileStore(stateDir);
  const authority = await openAuthority({ store, clock: systemClock, trustDomain });
  const { fingerprint } = authority.info().root;
  const issued = await openTokenStore({ store, clock: systemClock, fingerprint });
  const tokens = new Map<string, string>();
  for (const service of services) {
    const of = { namespace: 'shop', services: [service] } as const;
    const grant = { role: 'workload', ...of, addresses: ['127.0.0.0/8'], ports: [] } as const;
    const { text } = await issued.create({ grant, createdBy: 'test' });
    tokens.set(service, text.expose());
  }
  const rootPem = authority.bundle.get().roots.join('');
  issued.dispose();
  authority.dispose();
  return { rootPem, tokens };
}
