import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, Metadata, type ServiceDefinition, status } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { knownRootsName } from '../../src/sidecar/known-roots.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { sendRequests } from '../support/load.ts';
import type { JoinOptions, Member } from '../support/member.ts';
import { exchange, meshTls, openTcp } from '../support/mesh-client.ts';
import { runWeft } from '../support/server-process.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let catalog: Application;
let server: Member;
let client: Member;

const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') } }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

const xdsPort = () => mesh().controlPlane().xdsPort;
const connected = () =>
  mesh()
    .controlPlane()
    .values.proxies()
    .map(({ name }) => name)
    .sort();
const endpoints = () =>
  client.admin.get('/clusters').then((text) => text.match(/^out_shop_catalog_80::\S+::cx_active/gm));

/** Starts a sidecar that must not be let in; resolves with what its Envoy says about that. It is stopped again. */
async function turnedAway(joining: JoinOptions): Promise<string> {
  const member = await mesh().join({ ...joining, waitReady: false });
  member.sidecar.ready.catch(() => undefined);
  const said = await eventually('Envoy tells the refusal', () =>
    member.log.find((line) => line.includes('stream to xds closed: ') && line.includes('WEFT')),
  );
  expect(await member.admin.ready()).toBe(false);
  // The roots by which it believes the control plane come from a file of its own.
  for (const list of ['dynamic_active_secrets', 'dynamic_listeners', 'dynamic_active_clusters']) {
    const held = (await member.admin.configDump(list)) as readonly { readonly name?: string }[];
    expect(held.filter(({ name }) => name !== knownRootsName)).toEqual([]);
  }
  await member.sidecar.kill();
  return decodeURIComponent(said);
}

/** The same token with another secret. */
const wrong = (token: string) => {
  const [id = '', secret = '', fingerprint = ''] = token.split('.');
  return [id, secret.startsWith('A') ? `B${secret.slice(1)}` : `A${secret.slice(1)}`, fingerprint].join('.');
};

test('a wrong token is refused, with words in the log of Envoy and nothing else', async () => {
  const before = await endpoints();
  const token = await mesh().token('catalog');
  const said = await turnedAway({
    service: 'catalog',
    name: 'catalog-2',
    token: wrong(token),
    ports: [{ port: 9080 }],
  });
  expect(said).toMatch(/closed: 16, WEFT0203 .*; fix: weft token create/);
  expect(said).not.toContain(token.split('.')[1]);
  expect(connected()).toEqual(['catalog-1', 'frontend-1']);
  expect(await endpoints()).toEqual(before);
});

test('without a token no call on the xDS port is answered', async () => {
  const asIs = (bytes: Buffer) => bytes;
  const bytes = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
  const definition: ServiceDefinition = { delta: { path, requestStream: true, responseStream: true, ...bytes } };
  const built = loadPackageDefinition({ Ads: definition }).Ads;
  if (typeof built !== 'function') throw new Error('no client was made');
  const root = Buffer.from(mesh().controlPlane().rootPem);
  const ads = new built(`127.0.0.1:${xdsPort()}`, credentials.createSsl(root), {
    'grpc.ssl_target_name_override': 'xds.weft',
  });
  const bearer = `Bearer ${(await mesh().token('catalog')).split('.').slice(0, 2).join('.')}`;
  for (const values of [[], ['Bearer nothing'], ['Basic YTpi'], [`${bearer}x`]]) {
    const metadata = new Metadata();
    for (const value of values) metadata.add('authorization', value);
    const call = ads.delta?.(metadata, { deadline: Date.now() + 10_000 });
    const ended = new Promise<{ code: number; details: string }>((resolve) => call.on('error', resolve));
    let received = 0;
    call.on('data', () => {
      received += 1;
    });
    const { code, details } = await ended;
    expect(code).toBe(status.UNAUTHENTICATED);
    expect(details).toMatch(/^WEFT0203 .*; fix: /);
    expect(received).toBe(0);
  }
  ads.close();
});

test('a revoked token ends its open stream at once; what the proxy holds goes on serving', async () => {
  const token = await mesh().token('billing');
  const member = await mesh().join({ service: 'billing', token });
  await mesh().synced();
  const target = { host: member.address, port: mesh().localPort('catalog', 80) };
  expect((await sendRequests(target, 50)).failures).toEqual({});
  await mesh()
    .controlPlane()
    .tokens.revoke(token.split('.')[0] ?? '');
  const said = await eventually('Envoy tells the refusal', () =>
    member.log.find((line) => line.includes('stream to xds closed: 16') && line.includes('WEFT0203')),
  );
  expect(decodeURIComponent(said)).toContain('revoked');
  await eventually('the proxy is gone', () => !connected().includes('billing-1'));
  expect((await sendRequests(target, 50)).failures).toEqual({});
  await member.sidecar.kill();
  expect(await turnedAway({ service: 'billing', name: 'billing-2', token })).toContain('revoked');
});

test('the xDS port speaks TLS 1.3 only', async () => {
  const to = { host: '127.0.0.1', port: xdsPort() };
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
  for (const text of [preface, 'GET / HTTP/1.1\r\nhost: xds.weft\r\n\r\n']) {
    const { received } = await exchange(await openTcp(to.host, to.port), text);
    expect(received).not.toMatch(/HTTP|grpc/);
  }
  const options = { ALPNProtocols: ['h2'], servername: 'xds.weft' };
  await expect(meshTls(to, undefined, { ...options, maxVersion: 'TLSv1.2' })).rejects.toThrow();
  const accepted = await meshTls(to, undefined, options);
  expect(accepted.getProtocol()).toBe('TLSv1.3');
  accepted.destroy();
});

test('a second server on the same state dir does not start, and says who has it', async () => {
  const settings = ['trustDomain: demo.mesh', 'stateDir: state', 'xds.port: 0', 'admin.port: 0'];
  await writeFile(join(mesh().folder, 'weft.yaml'), `${settings.join('\n')}\n`);
  const { code, said } = await runWeft(mesh().folder, 'server', '--config', 'weft.yaml');
  expect(code).toBe(2);
  expect(said).toContain('WEFT0905');
  expect(said).toContain(`process ${process.pid}`);
  expect((await sendRequests({ host: client.address, port: mesh().localPort('catalog', 80) }, 20)).failures).toEqual(
    {},
  );
});

test('a valid token admits only what it was made for: service, name, namespace, port, address', async () => {
  const before = await endpoints();
  const heard = catalog.requests();
  const token = await mesh().token('intruder', {
    addresses: ['127.0.0.0/8', '169.254.0.0/16'],
    ports: [9080],
  });
  const ports = [{ port: 9080 }];
  const claims: readonly [JoinOptions['claims'], RegExp][] = [
    [{ service: 'catalog' }, /allows "intruder".*service says "catalog"/],
    [{ namespace: 'bank' }, /namespace says "bank"/],
    [{ nodeId: 'catalog-1.shop' }, /catalog-1\.shop/],
    [{ nodeId: 'intruder-1.bank' }, /namespace in node\.id says "bank"/],
    [{ labels: { app: 'catalog' } }, /labels\["app"\] says "catalog"/],
    [{ ports: [{ port: 9081, inbound: 19_081 }] }, /allows ports 9080.*says 9081/],
    [{ address: '10.1.2.3' }, /allows address .*says "10\.1\.2\.3"/],
    [{ address: '169.254.169.254' }, /no workload can be at address "169\.254\.169\.254"/],
    // Where catalog lives; allowed by the token, but taken.
    [{ address: server.address }, /"catalog-1\.shop" is already at one of the addresses and ports/],
  ];
  for (const [index, [claim, words]] of claims.entries()) {
    const name = `intruder-${index}`;
    const said = await turnedAway({
      service: 'intruder',
      name,
      token,
      ports,
      claims: { nodeId: `${name}.shop`, ...claim },
    });
    expect(said).toMatch(/closed: \d+, WEFT0203 /);
    expect(said).toMatch(words);
  }
  expect(connected()).toEqual(['catalog-1', 'frontend-1']);
  expect(await endpoints()).toEqual(before);
  const target = { host: client.address, port: mesh().localPort('catalog', 80) };
  expect((await sendRequests(target, 100)).failures).toEqual({});
  expect(catalog.requests()).toBe(heard + 100);
}, 60_000);
