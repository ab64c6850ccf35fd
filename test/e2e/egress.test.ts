import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { createTestAuthority } from '../support/test-certificates.ts';
import { mutualTlsYaml, nextAddress, useTestMesh } from '../support/test-mesh.ts';
import { startTlsApplication, type TlsApplication } from '../support/tls-application.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-egress-'));
const system = createTestAuthority('system');
const partner = createTestAuthority('partner');
const oldClients = createTestAuthority('old clients');
const newClients = createTestAuthority('new clients');
const address = nextAddress();
const applications: Record<string, TlsApplication> = {};

function write(path: string, text: string, mode = 0o600): string {
  const whole = join(folder, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(`${whole}.new`, text, { mode });
  renameSync(`${whole}.new`, whole);
  return whole;
}

const systemRoots = write('system.pem', system.certificate);
const partnerRoots = write('partner/ca.crt', partner.certificate);
const first = oldClients.issue({ commonName: 'old' });
write('client/tls.crt', first.certificate);
write('client/tls.key', first.key);
write('secrets/shop/partner/tls.crt', first.certificate);
write('secrets/shop/partner/tls.key', first.key);
write('secrets/shop/partner/ca.crt', partner.certificate);

/** A host outside of the mesh at a port of the one address, and how it is called. */
const entry = (name: string, tls: string, host = `${name}.example.com`) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${host}]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { http: ${applications[name]?.port} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${host}, trafficPolicy: { tls: ${tls}, connectionPool: { http: { maxRequestsPerConnection: 10 } } } }
`;

let client: Member;
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'meshconfig.yaml': `accessLogFile: ${folder}/access.log\n` },
    settings: {
      'secrets.directory': join(folder, 'secrets'),
      'secrets.poll': 50,
      'secrets.systemRoots': systemRoots,
    },
  }),
  async (started) => {
    const serve = async (
      name: string,
      authority: typeof system,
      names: readonly string[],
      clients?: readonly string[],
    ) => {
      applications[name] = await startTlsApplication({ address, port: 0 }, name, authority.issue({ names }), clients);
    };
    await serve('public', system, ['public.example.com']);
    await serve('files', partner, ['files.example.com']);
    await serve('stranger', partner, ['stranger.example.com']);
    await serve('other', partner, ['somebody.example.com']);
    await serve('renamed', partner, ['somebody.example.com']);
    const clients = [oldClients.certificate, newClients.certificate];
    await serve('mutual', partner, ['mutual.example.com'], clients);
    await serve('named', partner, ['named.example.com'], clients);
    await started.apply({
      'shop/egress.yaml': [
        entry('public', '{ mode: SIMPLE }'),
        entry('files', `{ mode: SIMPLE, caCertificates: ${partnerRoots} }`),
        entry('other', `{ mode: SIMPLE, caCertificates: ${partnerRoots} }`),
        entry('renamed', `{ mode: SIMPLE, caCertificates: ${partnerRoots}, subjectAltNames: [somebody.example.com] }`),
        entry(
          'mutual',
          `{ mode: MUTUAL, caCertificates: ${partnerRoots}, clientCertificate: ${folder}/client/tls.crt, privateKey: ${folder}/client/tls.key }`,
        ),
        entry('named', '{ mode: MUTUAL, credentialName: partner }'),
      ].join(''),
      'shop/stranger.yaml': entry('stranger', '{ mode: SIMPLE }'),
    });
    // Lines are written at once, not every ten seconds.
    client = await started.join({ service: 'frontend', envoyFlags: ['--file-flush-interval-msec', '20'] });
    await started.synced();
  },
);
afterAll(async () => {
  await Promise.all(Object.values(applications).map((application) => application.close()));
  rmSync(folder, { recursive: true, force: true });
});

const through = (url: string) => ({ host: client.address, port: client.proxyPort, path: url });
/** The lines of the caller's access log about a host. */
const logged = (name: string) =>
  readFileSync(join(folder, 'access.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${name}.example.com`))
    .join('\n');
const ask = (name: string) => fetchOnce(through(`http://${name}.example.com/`));

test('plain requests leave as TLS that asks for the host, and believes the roots of the system', async () => {
  const report = await sendRequests(through('http://public.example.com/'), 100);
  expect(report).toMatchObject({ succeeded: 100, failures: {}, answers: { public: 100 } });
  expect(applications.public?.last().serverName).toBe('public.example.com');
  expect(applications.public?.requests()).toBe(100);
});

test('HTTP/2 arrives as HTTP/2 (R2)', async () => {
  const load = startLoad({ host: client.address, port: mesh().localPort('public', 80), http2: true }, 50);
  await load.more(20);
  expect((await load.stop()).failures).toEqual({});
  expect(applications.public?.last()).toMatchObject({ serverName: 'public.example.com', version: '2.0' });
});

test('roots in a file beside the proxy', async () => {
  const report = await sendRequests(through('http://files.example.com/'), 50);
  expect(report).toMatchObject({ succeeded: 50, failures: {} });
});

test('whoever chains to other roots, or has another name, is refused with a reason to read', async () => {
  for (const name of ['stranger', 'other']) {
    expect((await ask(name)).status).toBe(503);
    expect(applications[name]?.requests()).toBe(0);
  }
  for (const name of ['stranger', 'other']) {
    const reason = () => logged(name).includes('CERTIFICATE_VERIFY_FAILED');
    await eventually('the reason stands in the access log', reason, 30_000);
  }
  expect(logged('other')).toContain('certificate_SANs_are_[somebody.example.com]');
  const answer = await ask('renamed');
  expect(answer).toMatchObject({ status: 200 });
  expect(applications.renamed?.last().serverName).toBe('renamed.example.com');
}, 60_000);

test('weft edges says why there was no TLS, and what to look at', async () => {
  const edges = async () => {
    const words = ['edges', '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
    return (await runVerb(words, { cwd: mesh().folder })).stdout;
  };
  for (const name of ['stranger', 'other']) await sendRequests(through(`http://${name}.example.com/`), 5);
  const refused = (name: string) =>
    new RegExp(`refused the TLS of ${name}\\.example\\.com \\d+ times: (.*)\\n +fix +(.*)`);
  const said = await eventually('both are told', async () => {
    const text = await edges();
    const found = ['stranger', 'other'].map((name) => refused(name).exec(text)?.slice(1));
    return found.every((one) => one !== undefined) && [text, ...found];
  });
  expect(said[0]).toMatch(/stranger\.example\.com .* tls:issuer \d+\n/);
  expect(said[0]).toMatch(/other\.example\.com .* tls:names \d+\n/);
  expect(said[0]).not.toContain('tls:handshake');
  expect(said.slice(1)).toEqual([
    [expect.stringContaining('nobody who is believed vouches for'), expect.stringContaining('tls.caCertificates')],
    [expect.stringContaining('none of the names'), expect.stringContaining('tls.subjectAltNames')],
  ]);
});

test('insecureSkipVerify lets a stranger in, who is refused without it (P48, WEFT0163)', async () => {
  expect(await ask('stranger')).toMatchObject({ status: 503 });
  await mesh().apply({ 'shop/stranger.yaml': entry('stranger', '{ mode: SIMPLE, insecureSkipVerify: true }') });
  await eventually('the new cluster serves', async () => (await ask('stranger')).status === 200);
  const report = await sendRequests(through('http://stranger.example.com/'), 20);
  expect(report).toMatchObject({ succeeded: 20, failures: {}, answers: { stranger: 20 } });
  await mesh().apply({ 'shop/stranger.yaml': entry('stranger', '{ mode: SIMPLE }') });
  await eventually('it is refused again', async () => (await ask('stranger')).status === 503);
  expect((await sendRequests(through('http://stranger.example.com/'), 20)).failures).toEqual({ 503: 20 });
});

test('the proxy proves itself with files, or with a named secret of its namespace', async () => {
  expect(await ask('mutual')).toMatchObject({ status: 200 });
  expect(applications.mutual?.last()).toMatchObject({ serverName: 'mutual.example.com', client: 'old' });
  expect(await ask('named')).toMatchObject({ status: 200 });
  expect(applications.named?.last()).toMatchObject({ serverName: 'named.example.com', client: 'old' });
});

test('a proxy of a namespace without the secret works, and calls nobody with it', async () => {
  const stranger = await mesh().join({ service: 'teller', namespace: 'bank' });
  await mesh().synced();
  const before = applications.named?.requests();
  const url = (name: string) => ({
    host: stranger.address,
    port: stranger.proxyPort,
    path: `http://${name}.example.com/`,
  });
  expect(await fetchOnce(url('public'))).toMatchObject({ status: 200 });
  expect(await fetchOnce(url('named'))).toMatchObject({ status: 503 });
  expect(applications.named?.requests()).toBe(before);
  // The namespace is given the secret, and its proxies have it at once.
  const third = newClients.issue({ commonName: 'teller' });
  write('secrets/bank/partner/ca.crt', partner.certificate);
  write('secrets/bank/partner/tls.key', third.key);
  write('secrets/bank/partner/tls.crt', third.certificate);
  await eventually('the teller is known', async () => (await fetchOnce(url('named'))).status === 200);
  expect(applications.named?.last()).toMatchObject({ client: 'teller' });
});

test.each(['mutual', 'named'])(
  '%s: a new certificate takes the place of the old one, and no request fails',
  async (name) => {
    const second = newClients.issue({ commonName: 'new' });
    const load = startLoad(through(`http://${name}.example.com/`), 100);
    await load.more(50);
    const [certificate, key] =
      name === 'mutual'
        ? ['client/tls.crt', 'client/tls.key']
        : ['secrets/shop/partner/tls.crt', 'secrets/shop/partner/tls.key'];
    write(key, second.key);
    write(certificate, second.certificate);
    await eventually('a further connection shows the new certificate', () => {
      return (applications[name]?.clients().new ?? 0) > 0;
    });
    await load.more(50);
    const report = await load.stop();
    expect(report.failures).toEqual({});
  },
);
