import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { listenLines } from '../support/echo-servers.ts';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/member.ts';
import { exchange, openTcp, readUntil } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * The facts of transparency.md, through two sidecars with mutual TLS: each test fails without the default that it names, which
 * scripts/transparency-mutants.json proves. R12 stands in resilience.test.ts, R13 in loopback.test.ts, R14 and R17 in routing.test.ts.
 */
const servicePorts = `[ { name: http, port: 80, targetPort: 9080 }, { name: http-two, port: 82, targetPort: 9082 },
  { name: tcp, port: 2525, targetPort: 9025 }, { name: tcp-web, port: 90, targetPort: 9090 } ]`;

const stops: (() => unknown)[] = [];
/** What the program read, one text for each connection. */
const heard: string[] = [];
/** How each connection of the program that failed did. */
const broken: (string | undefined)[] = [];
let client: Member;
let called: Member;
/** Longer than Envoy waits for an answer where nobody says otherwise. */
const silence = 16_000;
const manyHeaders = Array.from({ length: 300 }, (_, index) => `x-header-${index}: value`).join('\r\n');
const longHeader = `x-long: ${'l'.repeat(120_000)}`;
const ok = 'content-length: 2\r\nconnection: close\r\n\r\nok';

/** HTTP/1 by hand, so that every byte of both directions is known. */
function answer(socket: Socket): void {
  const index = heard.push('') - 1;
  let isTunnel = false;
  let answered = false;
  const end = (text: string) => {
    answered = true;
    socket.end(text, 'latin1');
  };
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    broken.push(code);
    socket.destroy();
  });
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    if (isTunnel) {
      socket.write(chunk);
      return;
    }
    heard[index] += chunk.toString('latin1');
    const text = heard[index] ?? '';
    if (answered || !text.includes('\r\n\r\n')) return;
    switch (text.split(' ')[1]) {
      case '/silent':
        answered = true;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n');
        setTimeout(() => socket.end('ok'), silence).unref();
        break;
      case '/upgrade':
        isTunnel = true;
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n');
        break;
      case '/refuse':
        end('HTTP/1.1 417 No Thanks\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope');
        break;
      case '/hints':
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n');
        end(`HTTP/1.1 200 OK\r\n${ok}`);
        break;
      case '/reset':
        socket.resetAndDestroy();
        break;
      case '/trailers':
        if (text.endsWith('0\r\n\r\n') || /x-sent: yes\r\n\r\n$/i.test(text))
          end(
            'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n',
          );
        break;
      case '/many':
        end(`HTTP/1.1 200 OK\r\n${manyHeaders}\r\n${longHeader}\r\n${ok}`);
        break;
      case '/204':
        end('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\nconnection: close\r\n\r\n');
        break;
      default:
        end(`HTTP/1.1 200 Fine Indeed\r\nServer: mine/1\r\nX-CaSe: KePt\r\n${ok}`);
    }
  });
}

async function listen(address: string, port: number): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  stops.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
}

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'echo.yaml': serviceYaml('echo', servicePorts) } }),
  async (started) => {
    const address = started.nextAddress();
    await listen(address, 9080);
    await listen(address, 9090);
    const two = createHttp2Server((request, response) => {
      response.end(`${request.httpVersion} ${request.url}`);
    });
    await new Promise<void>((resolve) => two.listen(9082, address, resolve));
    stops.push(() => two.close());
    stops.push(await listenLines({ address, port: 9025 }, () => undefined));
    const ports = [{ port: 9080 }, { port: 9082 }, ...[9025, 9090].map((port) => ({ port, protocol: 'tcp' as const }))];
    called = await started.join({ service: 'echo', address, ports });
    client = await started.join({ service: 'frontend' });
    await started.synced();
    for (const port of servedPorts) {
      const known = () => client.stat(`cluster.out_shop_echo_${port}.membership_healthy`);
      await eventually(`the caller knows port ${port}`, async () => (await known()) === 1);
    }
  },
);
const servedPorts = [80, 82, 90, 2525];
afterAll(async () => {
  for (const stop of stops) await stop();
});

const to = (port: number): [string, number] => [client.address, mesh().localPort('echo', port)];
const ask = async (text: string, port = 80) => (await exchange(await openTcp(...to(port)), text)).received;
const request = (line: string, headers = '') => `${line}\r\nHost: echo.shop:80\r\n${headers}Connection: close\r\n\r\n`;

test('R1: bytes of a TCP port are left alone: the server speaks first, silence ends nothing, nor does half a close', async () => {
  const socket = await openTcp(...to(2525));
  expect(await readUntil(socket, '\r\n')).toBe('220 ready\r\n');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const line = readUntil(socket, '\n');
  socket.write('still here\n');
  expect(await line).toBe('still here\n');
  const last = readUntil(socket, 'closed\r\n');
  socket.end();
  expect(await last).toBe('221 you closed\r\n');
});

test('R1: a reset of a TCP port arrives as a reset, whoever makes it', async () => {
  const { received, error } = await exchange(await openTcp(...to(90)), request('GET /reset HTTP/1.1'));
  expect([received, error]).toEqual(['', 'ECONNRESET']);
  const socket = await openTcp(...to(90));
  const head = readUntil(socket, '\r\n\r\n');
  socket.write('GET /upgrade HTTP/1.1\r\n\r\n');
  await head;
  const before = broken.length;
  socket.resetAndDestroy();
  await eventually('the program hears of it', () => broken.length > before);
  expect(broken.slice(before)).toEqual(['ECONNRESET']);
});

test('R2: a port declared http takes HTTP/2 as well, and the program hears the version that the caller speaks', async () => {
  const session = connectHttp2(`http://${to(82).join(':')}`);
  const stream = session.request({ ':path': '/two' });
  let body = '';
  stream.setEncoding('utf8').on('data', (part: string) => {
    body += part;
  });
  const status = new Promise((resolve, reject) => {
    stream.on('response', (headers) => resolve(headers[':status']));
    stream.on('error', reject);
  });
  expect(await status).toBe(200);
  await new Promise((resolve) => stream.on('end', resolve));
  expect(body).toBe('2.0 /two');
  session.close();
  expect(await ask(request('GET /one HTTP/1.1'))).toMatch(/^HTTP\/1\.1 200 /);
});

test('R3: an answer may take its time and be silent meanwhile, and grpc-timeout is the program’s own', async () => {
  const socket = await openTcp(...to(80));
  socket.write(request('GET /silent HTTP/1.1', 'grpc-timeout: 1S\r\n'));
  expect(await readUntil(socket, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  const started = Date.now();
  let rest = '';
  await new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      rest += chunk.toString();
    });
    socket.on('close', resolve);
    socket.on('end', () => socket.end());
  });
  expect([rest, Date.now() - started > silence - 1_000]).toEqual(['ok', true]);
  expect(heard.at(-1)?.toLowerCase()).toContain('grpc-timeout: 1s\r\n');
}, 30_000);

test('R3: no sidecar ends a stream for its silence, which without a word they would do after five minutes', async () => {
  for (const { admin } of [client, called]) {
    const dump = JSON.stringify(await admin.configDump('dynamic_listeners'));
    const managers = dump.match(/v3\.HttpConnectionManager"/g) ?? [];
    expect(managers.length).toBeGreaterThan(0);
    expect(dump.match(/"stream_idle_timeout":"0s"/g)).toHaveLength(managers.length);
  }
});

test('R4: a connection may change to another protocol', async () => {
  const socket = await openTcp(...to(80));
  const head = readUntil(socket, '\r\n\r\n');
  socket.write('GET /upgrade HTTP/1.1\r\nHost: echo.shop:80\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  expect(await head).toMatch(/^HTTP\/1\.1 101 /);
  const echo = readUntil(socket, 'over\n');
  socket.write('over\n');
  expect(await echo).toBe('over\n');
  socket.destroy();
});

test('R5: the program itself says whether it wants the body', async () => {
  const head = request('POST /refuse HTTP/1.1', 'Content-Length: 4\r\nExpect: 100-continue\r\n');
  expect(await ask(head)).toMatch(/^HTTP\/1\.1 417 No Thanks\r\n[\s\S]*nope$/);
  expect(heard.at(-1)?.toLowerCase()).toContain('expect: 100-continue');
});

test('R5: early hints pass before the answer', async () => {
  const hints = 'HTTP/1\\.1 103 Early Hints\\r\\nLink: </style\\.css>; rel=preload\\r\\n\\r\\n';
  expect(await ask(request('GET /hints HTTP/1.1'))).toMatch(new RegExp(`^${hints}HTTP/1\\.1 200 OK\\r\\n[\\s\\S]*ok$`));
});

test('R6: trailers pass both ways', async () => {
  const headers = 'Transfer-Encoding: chunked\r\nTE: trailers\r\n';
  const received = await ask(`${request('POST /trailers HTTP/1.1', headers)}4\r\nbody\r\n0\r\nX-Sent: yes\r\n\r\n`);
  expect(received).toMatch(/2\r\nok\r\n0\r\nx-sum: 42\r\n\r\n$/i);
  expect(heard.at(-1)).toMatch(/x-sent: yes\r\n\r\n$/i);
});

test('R7: 300 headers and 120 kB of one pass both ways', async () => {
  const received = await ask(request('GET /many HTTP/1.1', `${manyHeaders}\r\n${longHeader}\r\n`));
  expect(received).toMatch(/^HTTP\/1\.1 200 /);
  for (const text of [received, heard.at(-1)]) {
    expect(text?.match(/x-header-\d+: value/g)).toHaveLength(300);
    expect(text).toContain(longHeader);
  }
});

test('R8: names of headers keep their case, and the reason is the program’s', async () => {
  const received = await ask(request('GET / HTTP/1.1', 'X-MiXeD: VaLuE\r\n'));
  expect(received).toMatch(/^HTTP\/1\.1 200 Fine Indeed\r\n/);
  expect(received).toContain('X-CaSe: KePt\r\n');
  expect(heard.at(-1)).toContain('X-MiXeD: VaLuE\r\n');
});

test('R9: nothing of the sidecars is in an answer, and a request keeps its own names and addresses', async () => {
  const trace = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const own = `X-Request-Id: mine\r\nX-Forwarded-For: 192.0.2.7\r\nVia: 1.1 other\r\nX-Bytes: \xe9\r\nX-Empty:\r\n${trace}\r\n`;
  const received = await ask(request('GET / HTTP/1.1', own));
  expect(received).toContain('Server: mine/1\r\n');
  expect(received.toLowerCase()).not.toMatch(/envoy|via:|x-forwarded/);
  const got = heard.at(-1)?.toLowerCase() ?? '';
  const kept = ['host: echo.shop:80', 'x-request-id: mine', 'x-forwarded-for: 192.0.2.7', 'via: 1.1 other'];
  for (const line of [...kept, 'x-bytes: \xe9', trace]) expect(got).toContain(`${line}\r\n`);
  // Absolute redirects of the program lead back over plaintext, as the caller came.
  expect(got).toContain('x-forwarded-proto: http\r\n');
  expect(got).toMatch(/x-empty: ?\r\n/);
  expect(got).not.toContain('x-envoy');
});

test('R10: HTTP/1.0 and methods that nobody registered', async () => {
  expect(await ask('GET /old HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.[01] 200 Fine Indeed\r\n/);
  expect(await ask(request('BREW /pot HTTP/1.1'))).toMatch(/^HTTP\/1\.1 200 Fine Indeed\r\n/);
  expect(heard.at(-1)).toMatch(/^BREW \/pot HTTP\/1\.1\r\n/);
});

test('R11: clients that tunnel through HTTP_PROXY reach HTTP services, too', async () => {
  const socket = await openTcp(client.address, client.proxyPort);
  const head = readUntil(socket, '\r\n\r\n');
  socket.write('CONNECT echo.shop:80 HTTP/1.1\r\nHost: echo.shop:80\r\n\r\n');
  expect(await head).toMatch(/^HTTP\/1\.1 200 /);
  expect((await exchange(socket, request('GET /inside HTTP/1.1'))).received).toMatch(/^HTTP\/1\.1 200 Fine Indeed/);
});

test('R15: what an HTTP port cannot carry passes a port that is declared tcp (the text: unit/cli-describe.test.ts)', async () => {
  const cases: readonly (readonly [status: number, text: string])[] = [
    [400, request('GET /a#b HTTP/1.1')],
    [400, request('GET /\xe9 HTTP/1.1')],
    [404, request('OPTIONS * HTTP/1.1')],
    [502, request('GET /204 HTTP/1.1')],
  ];
  for (const [status, text] of cases) {
    const sent = Buffer.from(text, 'latin1').toString('latin1');
    expect([text, (await ask(sent)).slice(9, 12)]).toEqual([text, String(status)]);
    expect([text, (await ask(sent, 90)).slice(9, 11)]).toEqual([text, '20']);
    expect(heard.at(-1)).toContain(sent.split('\r\n')[0]);
  }
});

test('R16: paths are made equal before rules look at them, queries pass as sent', async () => {
  await ask(request('GET /a/%2e%2e/%41%2Fb?x=%2e%2e/%41 HTTP/1.1'));
  expect(heard.at(-1)).toMatch(/^GET \/A%2[Ff]b\?x=%2e%2e\/%41 HTTP\/1\.1\r\n/);
});

test('R18: names of headers may have underscores', async () => {
  await ask(request('GET / HTTP/1.1', 'x_under_score: yes\r\n'));
  expect(heard.at(-1)).toContain('x_under_score: yes\r\n');
});
