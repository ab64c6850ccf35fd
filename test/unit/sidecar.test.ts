import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../src/model/failure.ts';
import { Secret } from '../../src/model/secret.ts';
import { type ControlPlaneAddress, createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { refusalText } from '../../src/sidecar/refusal.ts';
import type { RunEvent } from '../../src/sidecar/run-event.ts';
import { type Sidecar, startSidecar } from '../../src/sidecar/sidecar.ts';
import {
  type BareControlPlane,
  type DeltaCall,
  refuseWith,
  serveEmpty,
  startBareControlPlane,
} from '../support/bare-control-plane.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { type SelfSigned, selfSigned } from '../support/self-signed.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const certificate: SelfSigned = selfSigned('xds.weft');
let envoy: string;
let folder: string;
let running: Sidecar | undefined;
const closers: (() => void)[] = [];

beforeAll(async () => {
  envoy = await envoyPath();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-sidecar-'));
});
afterEach(async () => {
  await running?.kill();
  running = undefined;
  for (const close of closers.splice(0)) close();
  await rm(folder, { recursive: true, force: true });
});

function bootstrapFor(controlPlane: Partial<ControlPlaneAddress> & { readonly port: number }) {
  return {
    nodeId: 'reviews-1.shop',
    metadata: { service: 'reviews', namespace: 'shop' },
    controlPlane: { host: '127.0.0.1', serverName: 'xds.weft', rootPem: certificate.certificate, ...controlPlane },
    credential: new Secret('9f2.secret.print'),
    admin: { kind: 'pipe', path: join(folder, 'admin.sock') },
    stats: { flushInterval: 1000 },
  } as const;
}

function start(controlPlane: Partial<ControlPlaneAddress> & { readonly port: number }, more = {}) {
  const events: RunEvent[] = [];
  const log: string[] = [];
  running = startSidecar({
    bootstrap: bootstrapFor(controlPlane),
    folder,
    envoy,
    concurrency: 1,
    onEvent: (event) => events.push(event),
    onLog: (line) => log.push(line),
    ...more,
  });
  // What Envoy said last is the best hint at why an event did not come.
  const within = <T>(what: string, look: () => T | undefined) =>
    eventually(what, look, 15_000).catch((error: unknown) => {
      throw new Error(`${what} did not come; there is ${JSON.stringify([events, log.slice(-20)])}`, { cause: error });
    });
  const problem = () =>
    within('a problem', () => {
      const found = events.find((event) => event.event === 'problem');
      return found?.event === 'problem' ? found.failure : undefined;
    });
  const first = <Name extends RunEvent['event']>(name: Name) =>
    within(name, () => events.find((event): event is Extract<RunEvent, { event: Name }> => event.event === name));
  return { sidecar: running, events, problem, first };
}

async function listening(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

describe('why Envoy cannot connect (E4), told by a real one', () => {
  test('nobody listens', async () => {
    const port = await freePort();
    const { problem } = start({ port });
    expect(await problem()).toMatchObject({ code: 'WEFT0901', message: `nothing answers on 127.0.0.1:${port}` });
    const file = join(folder, 'envoy.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('another CA than the pinned one', async () => {
    const other = selfSigned('xds.weft');
    const port = await listening(
      createTlsServer({ cert: other.certificate, key: other.key, ALPNProtocols: ['h2'] }).on(
        'tlsClientError',
        () => {},
      ),
    );
    expect(await start({ port }).problem()).toMatchObject({
      code: 'WEFT0304',
      message: expect.stringContaining('not signed by the CA that the token pins'),
    });
  });

  test('the right CA, another name', async () => {
    const other = selfSigned('reviews.shop');
    const port = await listening(
      createTlsServer({ cert: other.certificate, key: other.key, ALPNProtocols: ['h2'] }).on(
        'tlsClientError',
        () => {},
      ),
    );
    expect(await start({ port, rootPem: other.certificate }).problem()).toMatchObject({
      code: 'WEFT0304',
      message: expect.stringContaining('not that of a control plane'),
    });
  });

  test('something that is no TLS server', async () => {
    const port = await listening(createServer((socket) => socket.on('error', () => {}).end('220 hello\r\n')));
    expect(await start({ port }).problem()).toMatchObject({
      code: 'WEFT0901',
      message: expect.stringContaining('TLS'),
    });
  });

  test('a name that DNS does not know', async () => {
    expect(await start({ host: 'no-such-host.invalid', port: 15012 }).problem()).toMatchObject({
      code: 'WEFT0901',
      message: 'DNS knows no address for no-such-host.invalid:15012',
    });
  });

  test('a refused token, in the words of the control plane', async () => {
    const words = refusalText(new Failure('WEFT0203', 'token 9f2 was revoked', 'weft token create --service reviews'));
    const { port } = await controlPlane(refuseWith(words));
    expect(await start({ port }).problem()).toMatchObject({
      code: 'WEFT0203',
      message: 'token 9f2 was revoked',
      hint: 'weft token create --service reviews',
    });
  });
});

async function controlPlane(onStream: (call: DeltaCall) => void): Promise<BareControlPlane> {
  const started = await startBareControlPlane(certificate, onStream);
  closers.push(started.close);
  return started;
}

describe('a sidecar with a control plane', () => {
  test('is ready, comes back after a crash, and says goodbye before it ends (E37)', async () => {
    const { port, goodbyes } = await controlPlane(serveEmpty);
    const { sidecar, first, events } = start({ port });
    await sidecar.ready;
    expect(await first('ready')).toMatchObject({ state: 'ready', listeners: 0, clusters: 0 });
    const run = () => JSON.parse(readFileSync(join(folder, 'envoy.json'), 'utf8')).node.metadata.weft.run;
    const firstRun = run();
    expect(firstRun).toMatch(/^[0-9a-f-]{36}$/);
    const pid = sidecar.pid();
    expect(pid).toBeDefined();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect(await first('crashed')).toMatchObject({ how: 'signal SIGKILL', retryIn: 500 });
    await eventually('ready again', () => events.filter((event) => event.event === 'ready')[1]);
    // The control plane tells an Envoy that drains from the next one by this.
    expect(run()).toMatch(/^[0-9a-f-]{36}$/);
    expect(run()).not.toBe(firstRun);
    await sidecar.stop();
    expect(goodbyes).toEqual([{ nodeId: 'reviews-1.shop', authorization: 'Bearer 9f2.secret.print' }]);
    expect(events.slice(-4).map(({ event }) => event)).toEqual(['leaving', 'left', 'drained', 'stopped']);
    expect(sidecar.pid()).toBeUndefined();
    expect(existsSync(join(folder, 'envoy.json'))).toBe(false);
    await expect(sidecar.ended).resolves.toBeUndefined();
  });

  test('stops without a control plane too, and tells that the goodbye did not arrive', async () => {
    const { sidecar, first, events, problem } = start({ port: await freePort() });
    await problem();
    await sidecar.stop();
    expect(await first('left')).toMatchObject({ problem: expect.stringContaining('did not answer') });
    expect(events.at(-1)).toMatchObject({ event: 'stopped' });
    await expect(sidecar.ready).rejects.toMatchObject({ code: 'WEFT0913' });
  });

  test('connections of a changed listener drain for 45 s, unless the user says otherwise (D27)', async () => {
    const script = join(folder, 'envoy.sh');
    await writeFile(script, '#!/bin/sh\necho "flags $*" >&2\nexit 1\n', { mode: 0o755 });
    const flagsOf = async (more: object) => {
      const { sidecar } = start({ port: await freePort() }, { envoy: script, ...more });
      const failure: Error = await sidecar.ready.then(
        () => new Error('it started'),
        (error) => error,
      );
      running = undefined;
      return failure.message;
    };
    expect(await flagsOf({})).toContain('--drain-time-s 45');
    const own = await flagsOf({ envoyFlags: ['--drain-time-s', '7'] });
    expect(own.match(/--drain-time-s \d+/g)).toEqual(['--drain-time-s 7']);
  });

  test('an Envoy that cannot start is told with its own words', async () => {
    const { sidecar } = start({ port: await freePort() }, { envoyFlags: ['--no-such-flag'] });
    await expect(sidecar.ready).rejects.toMatchObject({
      code: 'WEFT0913',
      message: expect.stringMatching(/no-such-flag/),
    });
    await expect(sidecar.ended).rejects.toMatchObject({ code: 'WEFT0913' });
    running = undefined;
  });
});

describe('the leash', () => {
  test('kill -9 of the process that runs Envoy ends Envoy, which leaves no core dump', async () => {
    const bootstrap = join(folder, 'envoy.json');
    await writeFile(bootstrap, JSON.stringify(createBootstrap(bootstrapFor({ port: await freePort() }))));
    // Node 20 strips no types, so the module under test is compiled for it first.
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const flags = ['--ignoreConfig', '--module', 'nodenext', '--target', 'es2023', '--outDir', folder];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types'), '--skipLibCheck'];
    const source = join(root, 'src/sidecar/spawn-leashed.ts');
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await promisify(execFile)(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), source, ...flags, ...types],
      { cwd: root },
    );
    const script = `const { spawnLeashed } = await import(${JSON.stringify(join(folder, 'spawn-leashed.js'))});
      const { pid } = spawnLeashed(${JSON.stringify(envoy)}, ['-c', ${JSON.stringify(bootstrap)}, '--disable-hot-restart'], () => {});
      console.log(pid);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = await once(parent.stdout, 'data');
    const pid = Number(String(chunk));
    await eventually('the admin socket', () => existsSync(join(folder, 'admin.sock')));
    expect(isAlive(pid)).toBe(true);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m);
    parent.kill('SIGKILL');
    await eventually(`the end of ${pid}`, () => !isAlive(pid));
  });
});
