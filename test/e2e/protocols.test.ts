import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { type ClientDuplexStream, credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import {
  echoService,
  listenGrpc,
  listenLines,
  listenPlainHttp,
  startUpgradingApplication,
  webSocketAccept,
} from '../support/echo-servers.ts';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp, readUntil } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const servicePorts = `[
  { name: http, port: 80, targetPort: 9080 }, { name: http-web, port: 83, targetPort: 9083 }, { name: http-web-2, port: 84, targetPort: 9084 },
  { name: grpc, port: 81, targetPort: 9081 },
  { name: http-grpc, port: 82, targetPort: 9082 }, { name: tcp, port: 2525, targetPort: 9025 } ]`;

const stops: (() => unknown)[] = [];
let client: Member;
/** What the plain socket behind port 80 read, one text for each connection. */
const heard: string[] = [];
/** What the TCP server read after it had closed its own half. */
let afterClose = '';

/** R2: the sidecars speak HTTP/2 with each other about this port, whatever programs speak. */
const overHttp2 = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec:
  host: echo
  trafficPolicy:
    portLevelSettings:
      - { port: { number: 84 }, connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }
`;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'echo.yaml': `${serviceYaml('echo', servicePorts)}---\n${overHttp2}`,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    stops.push(await listenPlainHttp({ address, port: 9080 }, heard));
    stops.push(
      await listenLines({ address, port: 9025 }, (text) => {
        afterClose += text;
      }),
    );
    for (const port of [9083, 9084]) stops.push((await startUpgradingApplication({ address, port })).close);
    for (const port of [9081, 9082]) stops.push(await listenGrpc({ address, port }));
    await started.join({
      service: 'echo',
      address,
      ports: [
        { port: 9080 },
        { port: 9083 },
        { port: 9084 },
        { port: 9081, protocol: 'grpc' },
        { port: 9082 },
        { port: 9025, protocol: 'tcp' },
      ],
    });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(async () => {
  for (const stop of stops) await stop();
});

const to = (port: number): [string, number] => [client.address, mesh().localPort('echo', port)];

test('header case, reason phrase and the target pass as they were sent', async () => {
  const { received } = await exchange(
    await openTcp(...to(80)),
    'GET /a%2Fb?q=%20x HTTP/1.1\r\nHost: echo.shop:80\r\nX-MiXeD-CaSe: VaLuE\r\nConnection: close\r\n\r\n',
  );
  expect(received).toMatch(/^HTTP\/1\.1 200 Fine Indeed\r\n/);
  expect(received).toContain('X-CaSe: KePt\r\n');
  expect(received).toMatch(/\r\n\r\nok$/);
  expect(heard.at(-1)).toContain('GET /a%2Fb?q=%20x HTTP/1.1\r\nHost: echo.shop:80\r\n');
  expect(heard.at(-1)).toContain('X-MiXeD-CaSe: VaLuE\r\n');
  expect(received.toLowerCase()).not.toMatch(/server: envoy|x-envoy/);
});

test('HTTP/1.0, trailers both ways, 100-continue granted and refused', async () => {
  const old = await exchange(await openTcp(...to(80)), 'GET /old HTTP/1.0\r\n\r\n');
  expect(old.received).toMatch(/^HTTP\/1\.[01] 200 Fine Indeed\r\n[\s\S]*\r\n\r\nok$/);

  const chunked =
    'POST /trailers HTTP/1.1\r\nhost: echo\r\ntransfer-encoding: chunked\r\nte: trailers\r\nconnection: close\r\n\r\n';
  const trailed = await exchange(await openTcp(...to(80)), `${chunked}4\r\nsent\r\n0\r\nX-Sent-Trailer: yes\r\n\r\n`);
  expect(trailed.received).toMatch(/4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n$/i);
  expect(heard.at(-1)).toMatch(/x-sent-trailer: yes\r\n\r\n$/i);

  const expecting = (path: string) =>
    `POST ${path} HTTP/1.1\r\nhost: echo\r\ncontent-length: 4\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`;
  const granting = await openTcp(...to(80));
  granting.write(expecting('/continue'));
  expect(await readUntil(granting, '\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  expect((await exchange(granting, 'body')).received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok$/);

  const refusing = await exchange(await openTcp(...to(80)), expecting('/refuse'));
  expect(refusing.received).toMatch(/^HTTP\/1\.1 417 No Thanks\r\n[\s\S]*nope$/);
  expect(heard.at(-1)).not.toContain('body');
});

test.each([
  ['websocket', 'HTTP/1', 83],
  ['tcp', 'HTTP/1', 83],
  ['websocket', 'HTTP/2', 84],
  ['tcp', 'HTTP/2', 84],
] as const)(
  'an upgrade to %s is a tunnel for 100 messages over %s, by port and through HTTP_PROXY (R2, R4)',
  async (upgrade, _version, port) => {
    const key = randomBytes(16).toString('base64');
    const ways = [
      { host: client.address, port: mesh().localPort('echo', port), path: '/chat' },
      { host: client.address, port: client.proxyPort, path: `http://echo.shop:${port}/chat` },
    ];
    for (const way of ways) {
      const headers = {
        host: `echo.shop:${port}`,
        connection: 'Upgrade',
        upgrade,
        'sec-websocket-key': key,
        'sec-websocket-version': '13',
      };
      const { socket, accepted } = await new Promise<{ socket: Socket; accepted: unknown }>((resolve, reject) => {
        const outgoing = request({ ...way, headers, agent: false });
        outgoing.on('upgrade', (answer, opened) => {
          resolve({ socket: opened as Socket, accepted: answer.headers['sec-websocket-accept'] });
        });
        outgoing.on('response', (answer) => reject(new Error(`no upgrade but ${answer.statusCode}`)));
        outgoing.on('error', reject);
        outgoing.end();
      });
      expect(accepted).toBe(webSocketAccept(key));
      for (let message = 0; message < 100; message += 1) {
        const answer = readUntil(socket, `${message}\n`);
        socket.write(textFrame(`message ${message}\n`));
        expect(await answer).toBe(textFrame(`message ${message}\n`).toString('latin1'));
      }
      socket.destroy();
    }
    // Other requests on the same ports go on meanwhile and afterwards.
    expect(
      (await exchange(await openTcp(...to(80)), 'GET / HTTP/1.1\r\nhost: echo\r\nconnection: close\r\n\r\n')).received,
    ).toContain('ok');
  },
);

/** A WebSocket text frame as a client sends it, masked with zeros so that it can be read. */
function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

test.each([
  ['grpc', 81],
  ['http', 82],
])('a gRPC stream of 100 messages passes a port declared %s', async (_, port) => {
  const built = loadPackageDefinition({ Echo: echoService }).Echo;
  if (typeof built !== 'function') throw new Error('no client was made');
  const [host, local] = to(port);
  const echo = new built(`${host}:${local}`, credentials.createInsecure());
  const open = (): ClientDuplexStream<Buffer, Buffer> => echo.chat?.(new Metadata(), { deadline: Date.now() + 10_000 });
  const call = open();
  const answers: string[] = [];
  const ended = new Promise<{ code: number; messages: unknown }>((resolve, reject) => {
    call.on('status', ({ code, metadata }) => resolve({ code, messages: metadata.get('x-messages') }));
    call.on('error', reject);
  });
  // Each message waits for the echo of the one before: nothing may be held back anywhere.
  for (let message = 0; message < 100; message += 1) {
    const next = new Promise<Buffer>((resolve) => call.once('data', resolve));
    call.write(Buffer.from(`message ${message}`));
    answers.push((await next).toString());
  }
  call.end();
  call.resume();
  expect(await ended).toEqual({ code: status.OK, messages: ['all'] });
  expect(answers).toEqual(Array.from({ length: 100 }, (_each, message) => `message ${message}`));
  const failing = open();
  const failed = new Promise((resolve) => failing.on('error', resolve));
  failing.resume();
  failing.write(Buffer.from('fail'));
  expect(await failed).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'asked to fail' });
  echo.close();
});

test('a TCP server that speaks first, and half-close from either side', async () => {
  const talking = await openTcp(...to(2525));
  expect(await readUntil(talking, '\r\n')).toBe('220 ready\r\n');
  for (let line = 0; line < 100; line += 1) {
    const answer = readUntil(talking, '\n');
    talking.write(`line ${line}\n`);
    expect(await answer).toBe(`line ${line}\n`);
  }
  // The client closes its half and still hears the last words.
  const last = readUntil(talking, 'closed\r\n');
  talking.end();
  expect(await last).toBe('221 you closed\r\n');
  // The server closes its half and still hears the client.
  const other = await openTcp(...to(2525));
  await readUntil(other, '\r\n');
  const ended = new Promise((resolve) => other.once('end', resolve));
  other.write('close\r\n');
  await ended;
  other.end('still here');
  await eventually('the server heard what came after it had closed', () => afterClose === 'still here');
});

test('CONNECT through HTTP_PROXY opens tunnels to TCP and to HTTP ports', async () => {
  const tunnel = async (authority: string) => {
    const socket = await openTcp(client.address, client.proxyPort);
    const head = readUntil(socket, '\r\n\r\n');
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
    return { socket, head: await head };
  };
  const tcp = await openTcp(client.address, client.proxyPort);
  const greeting = readUntil(tcp, '220 ready\r\n');
  tcp.write('CONNECT echo.shop:2525 HTTP/1.1\r\nhost: echo.shop:2525\r\n\r\n');
  expect(await greeting).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*220 ready\r\n$/);
  const echo = readUntil(tcp, '\n');
  tcp.write('through\n');
  expect(await echo).toBe('through\n');
  tcp.destroy();
  const http = await tunnel('echo.shop:80');
  expect(http.head).toMatch(/^HTTP\/1\.1 200/);
  const get = 'GET /tunnel HTTP/1.1\r\nhost: echo.shop\r\nconnection: close\r\n\r\n';
  expect((await exchange(http.socket, get)).received).toMatch(/^HTTP\/1\.1 200 Fine Indeed[\s\S]*ok$/);
});
