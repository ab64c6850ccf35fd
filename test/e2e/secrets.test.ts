import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { decode } from '../../src/proto/codec.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import { selfSigned } from '../support/self-signed.ts';
import { runWeft } from '../support/server-process.ts';
import { shopPolicies, useTestMesh } from '../support/test-mesh.ts';

/** Named secrets: one that a policy names, one whose key belongs to another certificate. */
const secrets = mkdtempSync(join(tmpdir(), 'weft-secrets-'));
const [planted, other] = [selfSigned('partner.test'), selfSigned('other.test')];
for (const [name, certificate] of [
  ['partner', planted.certificate],
  ['broken', other.certificate],
] as const) {
  mkdirSync(join(secrets, 'shop', name), { recursive: true });
  for (const [file, text] of Object.entries({ 'tls.crt': certificate, 'tls.key': planted.key, 'ca.crt': certificate }))
    writeFileSync(join(secrets, 'shop', name, file), text, { mode: 0o600 });
}
afterAll(() => rmSync(secrets, { recursive: true, force: true }));

const partner = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: shop }
spec: { hosts: [partner.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: 127.0.0.1 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: partner, namespace: shop }
spec: { host: partner.test, trafficPolicy: { tls: { mode: MUTUAL, credentialName: partner } } }
`;

const mesh = useTestMesh(async () => ({
  policies: { ...(await shopPolicies()), 'shop/partner.yaml': partner },
  settings: { 'secrets.directory': secrets },
}));

/** The longest run of secret characters in a text: a line of a key, the secret part of a token. */
function needleOf(text: string): string {
  const [longest = ''] = text.split(/[\s.\\]+/).sort((a, b) => b.length - a.length);
  if (longest.length < 32) throw new Error('no secret in it');
  return longest;
}

test('no key and no token stands in any answer, metric, log or listing (T6)', async () => {
  const address = mesh().nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const client = await mesh().join({ service: 'frontend' });
  await mesh().synced();
  await fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/' });

  const state = join(mesh().folder, 'state');
  const controlPlane = mesh().controlPlane();
  const needles = new Map<string, string>();
  for (const entry of readdirSync(join(state, 'ca'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const keys = /-----BEGIN PRIVATE KEY-----([^-]+)/.exec(readFileSync(path, 'utf8'));
    if (keys?.[1] !== undefined) needles.set(path.slice(state.length), needleOf(keys[1]));
  }
  // Root and issuer.
  expect(needles.size).toBe(2);
  needles.set('operator.token', needleOf(readFileSync(join(state, 'operator.token'), 'utf8').split('.')[1] ?? ''));
  needles.set('a token', needleOf((await mesh().token('catalog')).split('.')[1] ?? ''));
  // A named secret that the client holds (503: the partner is nobody), and the same key where it does not fit.
  const partnerUrl = { host: client.address, port: client.proxyPort, path: 'http://partner.test/' };
  expect((await fetchOnce(partnerUrl)).status).toBe(503);
  expect(lookup(controlPlane.snapshots.of(client.id)?.layers ?? [], secretType, 'keys_partner')).toBeDefined();
  needles.set('a named secret', needleOf(planted.key.replaceAll(/-----[^-]+-----/g, '')));
  const secret = lookup(controlPlane.snapshots.of(client.id)?.layers ?? [], secretType, 'identity');
  if (!secret) throw new Error('the client has no certificate');
  const { type } = decode(SecretSchema, secret.value);
  const key = type.case === 'tlsCertificate' ? type.value.privateKey?.specifier : undefined;
  needles.set('the key of the client', needleOf(String(key?.value).replaceAll(/-----[^-]+-----/g, '')));

  // Everything that answers, to somebody who may see all of it.
  const bearer = readFileSync(join(state, 'operator.token'), 'utf8').trim().split('.').slice(0, 2).join('.');
  const shown: Record<string, string> = {};
  const ofProxy = `?proxyID=${client.id}`;
  const queries: Readonly<Record<string, string>> = {
    '/debug/config_dump': ofProxy,
    '/debug/edsz': ofProxy,
    '/debug/ir': ofProxy,
    '/api/v1/describe': `?kind=workload&name=${client.id}`,
  };
  for (const { method, path } of endpoints.filter(({ method }) => method === 'GET')) {
    const asked = path.replace(':id', client.id);
    const query = queries[path] ?? '';
    const answer = await fetchOnce({
      host: '127.0.0.1',
      port: controlPlane.adminPort,
      path: `${asked}${query}`,
      headers: { authorization: `Bearer ${bearer}` },
    });
    shown[`${method} ${path}`] = `${answer.status} ${answer.body}`;
  }
  expect(Object.keys(shown).length).toBeGreaterThan(20);
  expect(shown['GET /debug/config_dump']).toContain('[redacted]');
  for (const path of Object.keys(queries)) expect(shown[`GET ${path}`]).toMatch(/^200 /);
  const asOperator = [
    '--cp',
    `http://127.0.0.1:${controlPlane.adminPort}`,
    '--token-file',
    join(state, 'operator.token'),
  ];
  for (const words of [
    ['token', 'list', '-o', 'json'],
    ['proxy-config', 'secrets', client.id, '-o', 'json'],
    ['get', 'certs', '-o', 'yaml'],
    ['describe', 'workload', client.id],
  ]) {
    const answer = await runWeft(state, ...words, ...asOperator);
    expect(answer.code, answer.said).toBe(0);
    shown[`weft ${words.join(' ')}`] = answer.said;
  }
  shown['what members hold, counted and said, and the log'] = await mesh().report();

  for (const [what, needle] of needles)
    expect(
      Object.keys(shown).filter((where) => shown[where]?.includes(needle)),
      what,
    ).toEqual([]);

  // And the files that do hold them are their owner's alone (T19).
  const files = readdirSync(state, { recursive: true, withFileTypes: true });
  const open = files.filter((entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o077) !== 0);
  expect(open.map(({ name }) => name)).toEqual([]);
  await catalog.close();
});
