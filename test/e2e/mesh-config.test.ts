import { connect } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let echo: Application;
let stranger: Application;
let client: Member;
let server: Member;
let teller: Member;

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('PERMISSIVE'), 'services.yaml': serviceYaml('echo') } }),
  async (started) => {
    const [address, outside] = [started.nextAddress(), started.nextAddress()];
    echo = await startApplication({ address, port: 9080 }, 'echo', ({ url, headers }, response) => {
      if (url?.startsWith('/busy')) response.statusCode = 503;
      response.end(JSON.stringify({ url, caller: headers['x-forwarded-client-cert'] ?? '' }));
    });
    stranger = await startApplication(
      { address: outside, port: 9080 },
      'stranger',
      ({ url }, response) => void response.end(url),
    );
    // Lines are written at once, not every ten seconds.
    const envoyFlags = ['--file-flush-interval-msec', '20'];
    server = await started.join({ service: 'echo', address, ports: [{ port: 9080 }], envoyFlags });
    client = await started.join({ service: 'frontend', envoyFlags });
    teller = await started.join({ service: 'teller', namespace: 'bank' });
    await started.synced();
  },
);
afterAll(() => Promise.all([echo.close(), stranger.close()]));

/** Commits a MeshConfig, or none. */
async function say(meshConfig: Readonly<Record<string, unknown>> | undefined): Promise<void> {
  await mesh().apply({ 'meshconfig.yaml': meshConfig && stringify(meshConfig) });
}

const through = (url: string, member = client) =>
  fetchOnce({ host: member.address, port: member.proxyPort, path: url });
const local = (path: string) => fetchOnce({ host: client.address, port: mesh().localPort('echo', 80), path });
const outsideUrl = () => {
  const { address, port } = stranger.server.address() as { address: string; port: number };
  return { url: `http://${address}:${port}/`, authority: `${address}:${port}` };
};

/** The status line that a tunnel is answered with. */
function tunnel(authority: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(client.proxyPort, client.address);
    let answer = '';
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      answer += bytes.toString();
      if (!answer.includes('\r\n\r\n')) return;
      socket.destroy();
      resolve(answer.slice(0, answer.indexOf('\r\n')));
    });
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  });
}

test('D18, P48: REGISTRY_ONLY closes the way to hosts that nobody declared, with 502 and no body, tunnels with 403', async () => {
  const { url, authority } = outsideUrl();
  expect(await through(url)).toMatchObject({ status: 200, body: '/' });
  await say({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
  // Envoy acknowledges before its workers have the new routes.
  await eventually('the way is closed', async () => (await through(url)).status === 502);
  const before = stranger.requests();
  const answers = await Promise.all(Array.from({ length: 20 }, () => through(url)));
  expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(Array(20).fill('502 '));
  expect(await tunnel(authority)).toBe('HTTP/1.1 403 Forbidden');
  expect(stranger.requests()).toBe(before);
  expect(await through('http://echo/known')).toMatchObject({ status: 200 });
  await say({ outboundTrafficPolicy: { mode: 'ALLOW_ANY' } });
  await eventually('the way is open', async () => (await through(url)).status === 200);
  expect(await tunnel(authority)).toContain('200');
});

test('D1, P16: defaultHttpRetryPolicy holds on the default route, counted at the application', async () => {
  const tries = async () => {
    const before = echo.requests();
    expect(await local('/busy')).toMatchObject({ status: 503 });
    return echo.requests() - before;
  };
  const settled = (count: number) => eventually(`${count} tries`, async () => (await tries()) === count);
  await say(undefined);
  expect(await tries()).toBe(1);
  await say({ defaultHttpRetryPolicy: { attempts: 3, retryOn: '503' } });
  await settled(4);
  expect(await tries()).toBe(4);
  await say({ defaultHttpRetryPolicy: { attempts: 0 } });
  await settled(1);
  expect(await tries()).toBe(1);
});

test('D15: calls are plaintext where enableAutoMtls is off, and mutual TLS again after', async () => {
  const caller = async () => JSON.parse((await local('/who')).body).caller as string;
  await say({ enableAutoMtls: false });
  await eventually('plaintext', async () => (await caller()) === '');
  await say(undefined);
  await eventually('mutual TLS', async () => (await caller()) !== '');
  expect(await caller()).toContain('spiffe://demo.mesh/ns/shop/sa/frontend');
});

test.each([
  ['NONE', { '/x/../admin': '/x/../admin', '//admin': '//admin', '/a%2fb': '/a%2fb' }],
  ['BASE', { '/x/../admin': '/admin', '//admin': '//admin', '/a%2fb': '/a%2fb' }],
  ['MERGE_SLASHES', { '/x/../admin': '/admin', '//admin': '/admin', '/a%2fb': '/a%2fb' }],
  ['DECODE_AND_MERGE_SLASHES', { '/x/../admin': '/admin', '//admin': '/admin', '/a%2fb': '/a/b', '/a%2F/b': '/a/b' }],
])('D22, P47: with pathNormalization %s the application sees', async (normalization, paths) => {
  await say({ pathNormalization: { normalization } });
  // Straight to the inbound listener, and to a program without a sidecar: each way one direction alone. A changed listener keeps the
  // connections that it has, so they are new ones.
  const inwards = async (path: string) => {
    const { body } = await fetchOnce({ host: server.address, port: server.inbound(9080), path });
    return JSON.parse(body).url as string;
  };
  const outwards = async (path: string) => (await through(`${outsideUrl().url.slice(0, -1)}${path}`)).body;
  for (const ask of [inwards, outwards]) {
    const all = () => Promise.all(Object.keys(paths).map(ask));
    const wanted = Object.values(paths).join(' ');
    await eventually(`the new listener answers ${wanted}`, async () => (await all()).join(' ') === wanted);
  }
});

test('D28: a line for each request on both sides', async () => {
  const format = '{"mark":"access","cluster":"%UPSTREAM_CLUSTER%","code":"%RESPONSE_CODE%","path":"%REQ(:PATH)%"}';
  await say({ accessLogFile: '/dev/stdout', accessLogEncoding: 'JSON', accessLogFormat: format });
  const lines = (member: Member, path: string) =>
    member.log.filter((line) => line.includes('"mark":"access"') && line.includes(`"path":"${path}`));
  await eventually('the new listener writes', async () => {
    await local('/first');
    return lines(client, '/first').length > 0;
  });
  for (let at = 0; at < 10; at += 1) await local(`/line/${at}`);
  await eventually('ten lines', () => lines(client, '/line/').length === 10);
  const [first = ''] = lines(client, '/line/');
  const told: unknown = JSON.parse(first.slice(first.indexOf('{')));
  expect(told).toEqual({ mark: 'access', cluster: 'out_shop_echo_80', code: 200, path: '/line/0' });
  // A connection that was open keeps the listener it came by; a new one has the new one.
  await eventually('a line of the other side', async () => {
    await fetchOnce({ host: server.address, port: server.inbound(9080), path: '/inwards' });
    return lines(server, '/inwards').length > 0;
  });
});

test('D19, P6: services without exportTo are their own namespace’s where MeshConfig says so; the annotation opens one', async () => {
  expect(await through('http://echo.shop/', teller)).toMatchObject({ status: 200 });
  const closed = { defaultServiceExportTo: ['.'], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } };
  await say(closed);
  const answer = async (url: string, member?: Member) => (await through(url, member)).status;
  await eventually('it is closed', async () => (await answer('http://echo.shop/', teller)) === 502);
  expect(await through('http://echo/')).toMatchObject({ status: 200 });
  const annotated = serviceYaml('echo').replace(
    'name: echo',
    'annotations: { networking.istio.io/exportTo: bank }, name: echo',
  );
  await mesh().apply({ 'services.yaml': annotated });
  await eventually('it is open', async () => (await answer('http://echo.shop/', teller)) === 200);
  await eventually('to that one alone', async () => (await answer('http://echo/')) === 502);
  await mesh().apply({ 'services.yaml': serviceYaml('echo'), 'meshconfig.yaml': undefined });
});

test('D16: policies for all stand in the namespace that MeshConfig names, and those of the former one are for itself', async () => {
  const denyAll = (namespace: string) => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody, namespace: ${namespace} }
spec: { action: DENY, rules: [{}] }
`;
  const isStatus = (status: number) => async () => (await through('http://echo/')).status === status;
  await mesh().apply({ 'meshconfig.yaml': stringify({ rootNamespace: 'root' }), 'deny.yaml': denyAll('istio-system') });
  await eventually('nobody is refused', isStatus(200));
  await mesh().apply({ 'deny.yaml': denyAll('root') });
  await eventually('all are refused', isStatus(403));
  await mesh().apply({ 'meshconfig.yaml': undefined });
  await eventually('nobody is refused again', isStatus(200));
  await mesh().apply({ 'deny.yaml': undefined });
});

test('a MeshConfig with an error changes nothing; the last good one stays', async () => {
  await say({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
  await mesh().commit({ 'meshconfig.yaml': 'trustDomain: other.mesh\n' });
  const { head, diagnostics } = mesh().controlPlane().policies.get();
  expect(head?.state).toBe('Rejected');
  expect(diagnostics.map(({ code, at }) => `${code} ${at.file}:${at.line}`)).toContain(
    'WEFT0002 policies/meshconfig.yaml:1',
  );
  await eventually('the last good one holds', async () => (await through(outsideUrl().url)).status === 502);
  await say(undefined);
});
