import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server as GrpcServer, status as grpcStatus, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { ProbeCheck } from '../../src/model/workload-group.ts';
import { Health } from '../../src/proto/gen/grpc/health/v1/health_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { runProbe } from '../../src/sidecar/probe-run.ts';
import { eventually } from '../support/eventually.ts';
import { listenOnLoopback } from '../support/listening.ts';
import { selfSigned } from '../support/self-signed.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const never = new AbortController().signal;
const ground = { applicationAddress: '127.0.0.1', allowsCommands: true };
const run = (check: ProbeCheck, timeout = 5_000, where = ground) => runProbe({ check, timeout }, where, never);

async function listening(server: Server): Promise<number> {
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return port;
}

describe('HTTP', () => {
  const http = (port: number, more: Partial<Extract<ProbeCheck, { kind: 'http' }>> = {}) =>
    ({ kind: 'http', scheme: 'http', port, path: '/ready?a=b', headers: [], ...more }) as const;

  test.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [503, false],
  ])('an answer of %d', async (status, ok) => {
    const port = await listening(
      createHttpServer((_request, response) => response.writeHead(status, { location: '/' }).end()),
    );
    const result = await run(http(port));
    expect(result.ok).toBe(ok);
    if (!result.ok) expect(result.reason).toBe(`GET http://127.0.0.1:${port}/ready?a=b: answered ${status}`);
  });

  test('asks for the path with the headers that are written, and closes its connection', async () => {
    const seen: unknown[] = [];
    const port = await listening(
      createHttpServer((request, response) => {
        const { host, connection, 'user-agent': agent, 'x-a': a } = request.headers;
        seen.push([request.method, request.url, host, connection, agent, a]);
        response.end();
      }),
    );
    const headers = [
      { name: 'Host', value: 'shop.example' },
      { name: 'X-A', value: '1' },
      { name: 'x-a', value: '2' },
    ];
    expect(await run(http(port, { headers }))).toEqual({ ok: true });
    expect(await run(http(port, { headers: [{ name: 'User-Agent', value: 'me' }] }))).toEqual({ ok: true });
    expect(seen).toEqual([
      ['GET', '/ready?a=b', 'shop.example', 'close', 'weft-probe', '1, 2'],
      ['GET', '/ready?a=b', `127.0.0.1:${port}`, 'close', 'me', undefined],
    ]);
  });

  test('over TLS whatever certificate the program has', async () => {
    const { certificate: cert, key } = selfSigned('program.example');
    const server = createHttpsServer({ cert, key }, (_request, response) => response.end());
    expect(await run(http(await listening(server), { scheme: 'https' }))).toEqual({ ok: true });
  });

  test('a body that never ends does not hold it up; no answer in time is a failure', async () => {
    const endless = await listening(createHttpServer((_request, response) => response.write('a')));
    expect(await run(http(endless))).toEqual({ ok: true });
    const silent = await listening(createHttpServer(() => undefined));
    expect(await run(http(silent), 100)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('no answer within 0.1 s'),
    });
  });

  test('what no request can hold is a failure and no crash', async () => {
    expect(await run(http(1, { headers: [{ name: 'a', value: 'ü\u{1f600}' }] }))).toMatchObject({ ok: false });
    expect(await run(http(1, { host: 'no such\nhost' }))).toMatchObject({ ok: false });
  });
});

describe('TCP', () => {
  test('a connection is enough', async () => {
    const port = await listening(createServer((socket) => socket.destroy()));
    expect(await run({ kind: 'tcp', port })).toEqual({ ok: true });
  });

  test('nobody there', async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await run({ kind: 'tcp', port })).toEqual({
      ok: false,
      reason: `TCP 127.0.0.1:${port}: connection refused`,
    });
  });
});

describe('gRPC', () => {
  async function startHealth(
    answer: { readonly status?: number; readonly code?: grpcStatus } | 'nothing',
  ): Promise<number> {
    const server = new GrpcServer();
    if (answer !== 'nothing')
      server.addService(serviceDefinition(Health), {
        check: (_call: unknown, reply: (error: object | null, value?: object) => void) =>
          answer.code === undefined
            ? reply(null, { status: answer.status ?? 0 })
            : reply({ code: answer.code, details: 'x' }),
      });
    closing.push(() => server.forceShutdown());
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }
  const grpc = (port: number) => run({ kind: 'grpc', port, service: 'words' });

  test('only SERVING is a success', async () => {
    expect(await grpc(await startHealth({ status: 1 }))).toEqual({ ok: true });
    expect(await grpc(await startHealth({ status: 2 }))).toMatchObject({
      reason: expect.stringContaining('NOT_SERVING'),
    });
    expect(await grpc(await startHealth({ status: 0 }))).toMatchObject({ reason: expect.stringContaining('UNKNOWN') });
    const unknown = await grpc(await startHealth({ code: grpcStatus.NOT_FOUND }));
    expect(unknown).toMatchObject({ reason: expect.stringContaining('NOT_FOUND') });
    expect(await grpc(await startHealth('nothing'))).toMatchObject({
      reason: expect.stringContaining('no grpc.health.v1'),
    });
  });

  test('an address at which nobody was is asked anew each time', async () => {
    const port = await startHealth({ status: 1 });
    await Promise.all(closing.splice(0).map((close) => close()));
    expect(await grpc(port)).toMatchObject({ ok: false, reason: expect.stringContaining('connection refused') });
    const server = new GrpcServer();
    server.addService(serviceDefinition(Health), {
      check: (_call: unknown, reply: (error: null, value: object) => void) => reply(null, { status: 1 }),
    });
    closing.push(() => server.forceShutdown());
    await new Promise((resolve) => server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), resolve));
    expect(await grpc(port)).toEqual({ ok: true });
  });

  test('silence', async () => {
    const port = await listening(createServer(() => undefined));
    expect(await run({ kind: 'grpc', port, service: '' }, 200)).toMatchObject({ ok: false });
  });
});

describe('a command', () => {
  const exec = (...command: string[]) => ({ kind: 'exec', command }) as const;
  const sh = (script: string) => exec('/bin/sh', '-c', script);

  test('its exit code says who is ready, its words why not', async () => {
    expect(await run(sh('exit 0'))).toEqual({ ok: true });
    expect(await run(sh('echo not yet >&2; exit 3'))).toMatchObject({
      reason: expect.stringMatching(/exit code 3: not yet$/),
    });
    expect(await run(exec('/no/such/program'))).toMatchObject({ ok: false, reason: expect.stringContaining('ENOENT') });
  });

  test('sees nothing of tokens, and no shell', async () => {
    process.env.WEFT_TOKEN_FILE = '/secret';
    try {
      expect(await run(sh('test -z "$WEFT_TOKEN_FILE"'))).toEqual({ ok: true });
    } finally {
      delete process.env.WEFT_TOKEN_FILE;
    }
    expect(await run(exec('test', '$HOME', '=', '$HOME'))).toEqual({ ok: true });
  });

  test('that takes too long is killed, and all that it has started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-probe-'));
    closing.push(() => rm(folder, { recursive: true }));
    const script = `sleep 600 & echo $! > ${folder}/pid; wait`;
    expect(await run(sh(script), 500)).toMatchObject({ reason: expect.stringContaining('no answer within 0.5 s') });
    const child = Number(await readFile(`${folder}/pid`, 'utf8'));
    await eventually('it is gone', async () => {
      const stat = await readFile(`/proc/${child}/stat`, 'utf8').catch(() => '');
      return stat === '' || / [ZX] /.test(stat);
    });
  });

  test('that floods its output is no flood here, and is not run where nobody allowed it', async () => {
    const result = await run(sh('head -c 1000000 /dev/zero | tr "\\0" a >&2; exit 1'));
    expect(result.ok ? 0 : result.reason.length).toBeLessThan(400);
    const refused = await run(exec('true'), 1_000, { ...ground, allowsCommands: false });
    expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining('--exec-probes') });
  });
});
