import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RefusedResource } from '../../src/model/status.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { type Application, startApplication } from '../support/application.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { freePortBase } from '../support/port-base.ts';
import { startInProcess } from '../support/run-in-process.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/** Calls of each caller: of two Envoys that share a port, each would get about half of them. */
const calls = 200;
/** For what takes the start of an Envoy, on a machine that does much else. */
const patience = 30_000;

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
    settings: { 'localPorts.base': (await freePortBase()) + 6_000 },
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
  await eventually('who has ended is gone', () => mesh.controlPlane().values.proxies().length === 1, patience);
});

/** A `weft run` in this process: what it wrote so far, and its end. */
async function startRun(service: string, ...more: string[]) {
  const file = join(mesh.folder, `${service}.token`);
  await writeFile(file, await mesh.token(service), { mode: 0o600 });
  const run = startInProcess({
    folder: mesh.folder,
    envoy,
    xdsPort: mesh.controlPlane().xdsPort,
    words: ['--service', service, '--token-file', file, ...more],
  });
  stops.push(() => {
    run.stop();
    return run.stop();
  });
  return run;
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

async function callByProxy(proxy: URL, path: string, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent += 1) {
    const whole = `http://callee.shop${path}`;
    const answer = await fetchOnce({ host: proxy.hostname, port: Number(proxy.port), path: whole });
    expect(answer.status).toBe(200);
  }
}

/** Plain `envoy -c` with what `weft bootstrap` wrote. */
async function startBare(service: string, ...more: string[]) {
  const name = `${service}-bare`;
  await writeFile(join(mesh.folder, `${name}.token`), await mesh.token(service), { mode: 0o600 });
  const cp = ['--cp', `https://127.0.0.1:${mesh.controlPlane().xdsPort}`, '--token-file', `${name}.token`];
  const to = ['--out', `${name}.json`, '--admin', join(mesh.folder, `${name}.sock`)];
  const made = await runVerb(['bootstrap', '--service', service, '-n', 'shop', ...cp, ...to, ...more], {
    cwd: mesh.folder,
  });
  expect(made.code, made.stderr).toBe(0);
  const flags = ['-c', join(mesh.folder, `${name}.json`), '--disable-hot-restart', '--concurrency', '1'];
  const process = spawnLeashed(envoy, flags, () => undefined);
  const kill = async () => {
    process.kill('SIGKILL');
    await process.exited;
  };
  stops.push(kill);
  return { kill };
}

function stateOf(service: string, state: string): Promise<unknown> {
  const isSo = () =>
    mesh
      .controlPlane()
      .values.proxies()
      .some(({ name, status }) => name === `${service}-1` && status === state);
  return eventually(`${service} is ${state}`, isSo, patience);
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
    expect(two.said.stderr).toMatch(
      /outbound {7}from here the mesh is at 127\.0\.0\.\d+: another sidecar of this mesh has the local ports of 127\.0\.0\.1; --bind names another\n/,
    );
    for (const name of ['alpha', 'beta']) await call(await urlOf('callee', name), `/ports/${name}`, calls);
    expect(seenAt('/ports/alpha')).toEqual({ alpha: calls });
    expect(seenAt('/ports/beta')).toEqual({ beta: calls });
    for (const [name, { said }] of [
      ['alpha', one],
      ['beta', two],
    ] as const) {
      const [, http = ''] = /export HTTP_PROXY=(\S+)/.exec(said.stdout.replace(/, or .*/, '')) ?? [];
      const at = new URL(http);
      await callByProxy(at, `/proxy/${name}`, calls);
      expect(seenAt(`/proxy/${name}`)).toEqual({ [name]: calls });
    }
  });

  test('plain envoy -c: the second says what it cannot bind and what to do; at an address of its own it is whole', {
    timeout: 90_000,
  }, async () => {
    const proxies = { gamma: await freePort(), delta: await freePort() };
    const gamma = await startBare('gamma', '--outbound-port', String(proxies.gamma));
    await stateOf('gamma', 'SYNCED');
    const delta = await startBare('delta', '--outbound-port', String(proxies.delta));
    await stateOf('delta', 'REJECTED');
    const port = mesh.localPort('callee', 80);
    await call(new URL(`http://127.0.0.1:${port}`), '/bare/shared', calls);
    expect(seenAt('/bare/shared')).toEqual({ gamma: calls });
    // Nothing else of it is refused.
    for (const [name, proxy] of Object.entries(proxies)) {
      await callByProxy(new URL(`http://127.0.0.1:${proxy}`), `/bare/${name}`, 20);
      expect(seenAt(`/bare/${name}`)).toEqual({ [name]: 20 });
    }

    const cp = ['--cp', `http://127.0.0.1:${mesh.controlPlane().adminPort}`];
    const refused = `cannot bind '127.0.0.1:${port}': Address already in use`;
    const fix = `another program beside delta-1.shop listens at 127.0.0.1:${port}, often another sidecar: start one of them with another --bind`;
    const { stdout } = await runVerb(['proxies', 'delta-1', '-n', 'shop', ...cp], { cwd: mesh.folder });
    expect(stdout).toContain(refused);
    expect(stdout).toContain(fix);
    const nacks = await runVerb(['nacks', '-o', 'json', ...cp], { cwd: mesh.folder });
    const { items } = JSON.parse(nacks.stdout) as { readonly items: readonly RefusedResource[] };
    expect(items.find(({ resource }) => resource === 'out_shop_callee_80')).toMatchObject({
      firstRefusedBy: 'delta-1.shop',
      withheldFrom: 'refusers',
      fix: expect.stringContaining(fix),
    });

    await delta.kill();
    const address = nextAddress();
    await startBare('delta', '--bind', address);
    await stateOf('delta', 'SYNCED');
    await call(new URL(`http://${address}:${port}`), '/bare/own', calls);
    await call(new URL(`http://127.0.0.1:${port}`), '/bare/first', calls);
    expect(seenAt('/bare/own')).toEqual({ delta: calls });
    expect(seenAt('/bare/first')).toEqual({ gamma: calls });
    await gamma.kill();
  });

  test('a local port in use keeps nobody out of the mesh: what is refused is said, the rest acts', {
    timeout: 60_000,
  }, async () => {
    const at = nextAddress();
    const port = mesh.localPort('callee', 80);
    const holder = createServer().listen(port, at);
    stops.push(async () => holder.close());
    await once(holder, 'listening');
    const { said, ready } = await startRun('alpha', '--bind', at);
    await ready();
    await eventually('the refusal is told', () => said.stdout.includes('out_shop_callee_80'));
    expect(said.stdout).toContain(`cannot bind '${at}:${port}': Address already in use`);
    await callByProxy(new URL(`http://${at}:15001`), '/squatted', 20);
    expect(seenAt('/squatted')).toEqual({ alpha: 20 });
  });

  test('an address that somebody names is taken or refused, never replaced', { timeout: 60_000 }, async () => {
    const address = nextAddress();
    const first = await startRun('alpha', '--bind', address);
    await first.ready();
    expect(first.said.stderr).toBe('');
    expect(first.said.stdout).toContain(`HTTP_PROXY=http://${address}:15001`);
    const second = await startRun('beta', '--bind', address, '--outbound-port', String(await freePort()));
    expect(await second.code).toBe(2);
    expect(second.said.stderr).toContain(`WEFT0910 another sidecar of this mesh has the local ports of ${address}`);
    expect(second.said.stderr).toMatch(/fix {4}leave --bind out for an address of its own/);
    const open = await startRun('beta', '--bind', '0.0.0.0');
    expect(await open.code).toBe(2);
    expect(open.said.stderr).toContain('WEFT0912 --bind "0.0.0.0" is not a loopback address');
  });
});

test('weft run says of each port where others call it', { timeout: 90_000 }, async () => {
  await mesh.apply({
    'store.yaml': serviceYaml(
      'store',
      '[{ name: http, port: 80, targetPort: 9080 }, { name: tcp-db, port: 5432, targetPort: 6432 }]',
    ),
  });
  const caller = await startRun('alpha', '--bind', nextAddress());
  await caller.ready();
  const proxy = new URL(/HTTP_PROXY=([^,\s]+)/.exec(caller.said.stdout)?.[1] ?? '');
  const serve = async (service: string, ...ports: string[]) => {
    const at = nextAddress();
    const answers = await Promise.all(
      ports.map((port) => startApplication({ address: at, port: Number(port.split('/')[0]) }, `${service} ${port}`)),
    );
    stops.push(...answers.map(({ close }) => close));
    const where = ['--inbound-bind', at, '--address', at, '--application-address', at, '--capture', 'none'];
    const run = await startRun(service, ...where, ...ports.flatMap((port) => ['--port', port]));
    await run.ready();
    await mesh.synced();
    return /others call (.*)/.exec(run.said.stdout)?.[1] ?? run.said.stdout;
  };
  // Of two proxies of a service each is told how to ask for its own ports.
  const twin = await startRun('alpha', '--name', 'alpha-2', '--outbound-port', String(await freePort()));
  await twin.ready();
  const line = (said: { readonly stdout: string }) => /weft env (\S+)\)/.exec(said.stdout)?.[1];
  expect([line(caller.said), line(twin.said)]).toEqual(['alpha', 'alpha-2.shop']);
  expect((await urlOf('callee', 'alpha-2.shop')).hostname).not.toBe((await urlOf('callee', 'alpha')).hostname);
  // Its Service gives the ports numbers of their own.
  expect(await serve('store', '9080', '6432/tcp')).toBe(
    'http://store.shop:80, store.shop:5432 at local ports of theirs (weft env)',
  );
  // Without a Service the numbers are the workload's; none of two is meant by the name alone.
  expect(await serve('twin', '9080', '9081')).toBe('http://twin.shop:9080, http://twin.shop:9081');
  for (const [url, body] of [
    ['http://store.shop:80', 'store 9080'],
    ['http://twin.shop:9080', 'twin 9080'],
    ['http://twin.shop:9081', 'twin 9081'],
  ] as const) {
    const answer = await fetchOnce({ host: proxy.hostname, port: Number(proxy.port), path: `${url}/` });
    expect([answer.status, answer.body.trim()]).toEqual([200, body]);
  }
});
