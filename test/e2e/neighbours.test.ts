import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/run-cli.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { type Application, startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/** Calls of each caller: of two Envoys that share a port, each would get about half of them. */
const calls = 200;

let mesh: TestMesh;
let callee: Application;
let envoy: string;
/** Who called, as the callee's sidecar proved it, by the path that was asked for. */
let callers: Map<string, Map<string, number>>;
let stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  envoy = await envoyPath();
  callers = new Map();
  mesh = await startTestMesh({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'callee.yaml': serviceYaml('callee') },
    // A port base of its own: programs of this machine may have the usual ones.
    settings: { 'localPorts.base': await portsOfTheirOwn() },
  });
  const address = nextAddress();
  callee = await startApplication({ address, port: 9080 }, 'callee', (request) => {
    const [, account = 'nobody'] =
      /URI=[^;,]*\/sa\/([a-z]+)/.exec(String(request.headers['x-forwarded-client-cert'])) ?? [];
    const seen = callers.get(request.url ?? '') ?? new Map<string, number>();
    seen.set(account, (seen.get(account) ?? 0) + 1);
    callers.set(request.url ?? '', seen);
  });
  await mesh.join({ service: 'callee', address, ports: [{ port: 9080 }] });
  await mesh.synced();
  return async () => {
    await callee.close();
    await mesh.close();
  };
});

afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  stops = [];
});

/** Local ports of a mesh begin where nobody listens on the usual address. */
async function portsOfTheirOwn(): Promise<number> {
  const port = await freePort();
  return port < 60_000 ? port : port - 10_000;
}

/** A `weft run` in this process: what it wrote so far, and its end. */
async function startRun(service: string, ...more: string[]) {
  const file = join(mesh.folder, `${service}.token`);
  await writeFile(file, await mesh.token(service), { mode: 0o600 });
  const said = { stdout: '', stderr: '' };
  let interrupt: ((signal: 'SIGINT' | 'SIGTERM') => void) | undefined;
  const where = ['--cp', `https://127.0.0.1:${mesh.controlPlane().xdsPort}`, '--token-file', file];
  const code = runCli(verbs, {
    words: ['run', '--service', service, '-n', 'shop', ...where, '--concurrency', '1', ...more],
    version: '0.1.0',
    env: { LANG: 'C.UTF-8', XDG_RUNTIME_DIR: mesh.folder, ENVOY_PATH: envoy },
    cwd: mesh.folder,
    stdout: (text) => {
      said.stdout += text;
    },
    stderr: (text) => {
      said.stderr += text;
    },
    readInput: async () => '',
    makeOutputPrivate: () => undefined,
    onInterrupt: (listener) => {
      interrupt = listener;
    },
  });
  stops.push(async () => {
    interrupt?.('SIGTERM');
    interrupt?.('SIGTERM');
    await code;
  });
  return {
    said,
    code,
    ready: () => eventually(`${service} is in the mesh`, () => said.stdout.includes('is in the mesh')),
  };
}

/** What `weft env` says where a service is, for a program beside that proxy. */
async function urlOf(service: string, proxy: string): Promise<URL> {
  const cp = ['--cp', `http://127.0.0.1:${mesh.controlPlane().adminPort}`];
  const { stdout, stderr, code } = await runVerb(['env', proxy, '-n', 'shop', ...cp], { cwd: mesh.folder });
  expect(code, stderr).toBe(0);
  const [, url = ''] = new RegExp(`${service.toUpperCase()}_URL=(\\S+)`).exec(stdout) ?? [];
  return new URL(url);
}

async function call(at: URL, path: string, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent += 1) {
    const answer = await fetchOnce({ host: at.hostname, port: Number(at.port), path });
    expect(answer.status).toBe(200);
  }
}

const seenAt = (path: string) => Object.fromEntries(callers.get(path) ?? []);

describe('two services on one machine', () => {
  test('weft run: each calls a third at its local port and through HTTP_PROXY under its own identity', {
    timeout: 90_000,
  }, async () => {
    // As a user starts them, without a word about addresses.
    const one = await startRun('alpha', '--outbound-port', String(await freePort()));
    await one.ready();
    const two = await startRun('beta', '--outbound-port', String(await freePort()));
    await two.ready();
    for (const name of ['alpha', 'beta']) await call(await urlOf('callee', name), `/ports/${name}`, calls);
    expect(seenAt('/ports/alpha')).toEqual({ alpha: calls });
    expect(seenAt('/ports/beta')).toEqual({ beta: calls });
    for (const [name, { said }] of [
      ['alpha', one],
      ['beta', two],
    ] as const) {
      const [, http = ''] = /export HTTP_PROXY=(\S+)/.exec(said.stdout.replace(/, or .*/, '')) ?? [];
      const at = new URL(http);
      for (let sent = 0; sent < calls; sent += 1) {
        const path = `http://callee.shop/proxy/${name}`;
        expect((await fetchOnce({ host: at.hostname, port: Number(at.port), path })).status).toBe(200);
      }
      expect(seenAt(`/proxy/${name}`)).toEqual({ [name]: calls });
    }
  });
});
