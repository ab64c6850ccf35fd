import { createServer as createHttpServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { startHttp2Application } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls, openTcp, readUntil } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** Nothing says what the ports are: neither a name nor appProtocol. */
const undeclared = '[{ port: 80, targetPort: 9080 }]';

const rules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: any, namespace: shop }
spec:
  hosts: [any]
  http:
  - match: [{ uri: { exact: /here } }]
    directResponse: { status: 418 }
  - route: [{ destination: { host: any }, headers: { response: { set: { x-rule: acts } } } }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: guarded, namespace: shop }
spec:
  selector: { matchLabels: { app: guarded } }
  action: DENY
  rules: [{ to: [{ operation: { paths: [/secret] } }] }]
`;

const stops: (() => void)[] = [];
let client: Member;
const members: Record<string, Member> = {};

/** Speaks HTTP with who begins so, and echoes to all others. */
async function startAny(address: string): Promise<void> {
  const http = createHttpServer((request, response) => {
    response.end(`${request.headers['x-forwarded-client-cert'] ?? 'nobody'}\n`);
  });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first: Buffer) => {
      const text = first.toString('latin1');
      socket.pause();
      socket.unshift(first);
      if (/^[A-Z]+ \S+ HTTP\//.test(text)) http.emit('connection', socket);
      else socket.pipe(socket);
      socket.resume();
    });
  });
  await new Promise<void>((resolve) => server.listen(9080, address, resolve));
  stops.push(() => server.close());
}

/** Speaks first. */
async function startGreeter(address: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('220 hello\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(9080, address, resolve));
  stops.push(() => server.close());
}

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['any', 'guarded', 'greeter', 'two'].map((name) => serviceYaml(name, undeclared)).join(''),
      'rules.yaml': rules,
    },
    settings: { 'policy.protocolDetection': 'auto' },
  }),
  async (started) => {
    const start = async (service: string, run: (address: string) => Promise<void>) => {
      const address = started.nextAddress();
      await run(address);
      members[service] = await started.join({ service, address, ports: [{ port: 9080 }] });
    };
    const startTwo = async (address: string) => {
      const application = await startHttp2Application({ address, port: 9080 }, 'two');
      stops.push(() => void application.close());
    };
    await Promise.all([
      start('any', startAny),
      start('guarded', startAny),
      start('greeter', startGreeter),
      start('two', startTwo),
    ]);
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => {
  for (const stop of stops) stop();
});

const at = (service: string, path = '/') => ({ host: client.address, port: mesh().localPort(service, 80), path });

async function tunnel(authority: string) {
  const socket = await openTcp(client.address, client.proxyPort);
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  return socket;
}

test('P28: what begins as HTTP is HTTP: routes act, and the program hears who called', async () => {
  const answer = await fetchOnce(at('any'));
  expect(answer).toMatchObject({ status: 200, headers: { 'x-rule': 'acts' } });
  expect(answer.body).toContain('URI=spiffe://demo.mesh/ns/shop/sa/frontend');
  expect((await fetchOnce(at('any', '/here'))).status).toBe(418);
  const behindProxy = { host: client.address, port: client.proxyPort, path: 'http://any.shop/here' };
  expect((await fetchOnce(behindProxy)).status).toBe(418);
});

test('P28, R2: HTTP/2 by prior knowledge stays HTTP/2', async () => {
  const session = connectHttp2(`http://${client.address}:${mesh().localPort('two', 80)}`);
  const text = await new Promise<string>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':path': '/' });
    let body = '';
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.once('end', () => resolve(body));
    stream.once('error', reject);
  });
  session.destroy();
  expect(text).toBe('two\n');
});

test('P28: bytes that are no HTTP pass unread, at the local port and in a tunnel', async () => {
  const tunnelled = await tunnel('any.shop:80');
  expect(await readUntil(tunnelled, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  for (const socket of [await openTcp(at('any').host, at('any').port), tunnelled]) {
    const back = readUntil(socket, 'ping\n');
    socket.write('\u0001\u0002ping\n');
    expect(await back).toBe('\u0001\u0002ping\n');
    socket.destroy();
  }
});

test('R1: a server that speaks first is heard after the wait, and at once in a tunnel', async () => {
  const began = Date.now();
  const socket = await openTcp(at('greeter').host, at('greeter').port);
  expect(await readUntil(socket, '\n')).toBe('220 hello\n');
  expect(Date.now() - began).toBeGreaterThan(900);
  socket.destroy();
  const through = await tunnel('greeter.shop:80');
  expect(await readUntil(through, '220 hello\n')).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n220 hello\n$/);
  through.destroy();
});

test('P45: rules about requests judge requests; calling them bytes lets nobody by', async () => {
  expect((await fetchOnce(at('guarded', '/open'))).status).toBe(200);
  expect((await fetchOnce(at('guarded', '/secret'))).status).toBe(403);
  const svid = await mesh().certificate('frontend');
  const { address, inbound } = members.guarded ?? client;
  const request = 'GET /secret HTTP/1.1\r\nhost: guarded\r\nconnection: close\r\n\r\n';
  const to = { host: address, port: inbound(9080) };
  expect((await exchange(await meshTls(to, svid), request)).received).toMatch(/^HTTP\/1\.1 403 /);
  const asBytes = await meshTls(to, svid, { ALPNProtocols: ['weft-bytes'] });
  expect((await exchange(asBytes, request)).received).toBe('');
});

test('P34: in PERMISSIVE mode plaintext callers are looked at; in STRICT they are closed', async () => {
  const { address, inbound } = members.any ?? client;
  const direct = { host: address, port: inbound(9080), path: '/' };
  await expect(fetchOnce(direct)).rejects.toThrow();
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml('PERMISSIVE') });
  expect(await fetchOnce(direct)).toMatchObject({ status: 200, body: 'nobody\n' });
  const socket = await openTcp(direct.host, direct.port);
  const back = readUntil(socket, 'ping\n');
  socket.write('\u0001ping\n');
  expect(await back).toBe('\u0001ping\n');
  socket.destroy();
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml('STRICT') });
});
