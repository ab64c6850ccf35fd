import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { openSealedStore } from '../../src/ca/sealed-store.ts';
import { Secret } from '../../src/model/secret.ts';
import { decode } from '../../src/proto/codec.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import { formsOfBytes, formsOfKey, foundIn } from '../support/secret-forms.ts';
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
const sealingKey = randomBytes(32);
writeFileSync(join(secrets, 'seal.key'), sealingKey, { mode: 0o600 });
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
  settings: { 'secrets.directory': secrets, 'ca.sealKeyFile': join(secrets, 'seal.key') },
}));

test('no key and no token stands in any answer, metric, log or listing (T6)', async () => {
  const address = mesh().nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const client = await mesh().join({ service: 'frontend' });
  await mesh().synced();
  await fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/' });

  const state = join(mesh().folder, 'state');
  const controlPlane = mesh().controlPlane();
  const needles = new Map<string, readonly string[]>([['the sealing key', formsOfBytes(sealingKey)]]);
  const opened = await openSealedStore(openFileStore(state), new Secret(sealingKey));
  for (const key of await opened.list('ca/')) {
    const [pem] =
      /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(String(await opened.read(key))) ?? [];
    if (pem !== undefined) needles.set(key, formsOfKey(pem.replaceAll('\\n', '\n')));
  }
  // Root and issuer, beside the key that seals them.
  expect(needles.size).toBe(3);
  const secretOf = (text: string) => [text.split('.')[1] ?? ''];
  needles.set('operator.token', secretOf(readFileSync(join(state, 'operator.token'), 'utf8')));
  needles.set('a credential', secretOf(await mesh().token('catalog')));
  const { secret: joining } = await controlPlane.values.tokens.create({
    services: ['catalog'],
    namespace: 'shop',
    uses: 2,
  });
  needles.set('a token with two uses', secretOf(joining.expose()));
  // A named secret that the client holds (503: the partner is nobody), and the same key where it does not fit.
  const partnerUrl = { host: client.address, port: client.proxyPort, path: 'http://partner.test/' };
  expect((await fetchOnce(partnerUrl)).status).toBe(503);
  expect(lookup(controlPlane.snapshots.of(client.id)?.layers ?? [], secretType, 'keys_partner')).toBeDefined();
  needles.set('a named secret', formsOfKey(planted.key));
  const secret = lookup(controlPlane.snapshots.of(client.id)?.layers ?? [], secretType, 'identity');
  if (!secret) throw new Error('the client has no certificate');
  const { type } = decode(SecretSchema, secret.value);
  const key = type.case === 'tlsCertificate' ? type.value.privateKey?.specifier : undefined;
  needles.set('the key of the client', formsOfKey(String(key?.value)));
  for (const [what, forms] of needles) for (const form of forms) expect(form.length, what).toBeGreaterThanOrEqual(32);

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
    ...['sidecars', 'certs', 'tokens', 'sources', 'policies', 'workloads'].map((kind) => ['get', kind, '-o', 'json']),
    ['get', 'certs', '-o', 'yaml'],
    ['proxy-config', 'secrets', client.id, '-o', 'json'],
    ['proxy-config', 'all', client.id, '-o', 'json'],
    ['cert', 'list', '-o', 'json'],
    ['token', 'list', '-v'],
    ['describe', 'workload', client.id],
    ['proxies', '-o', 'yaml'],
  ]) {
    const answer = await runWeft(state, ...words, ...asOperator);
    expect(answer.code, answer.said).toBe(0);
    shown[`weft ${words.join(' ')}`] = answer.said;
  }
  // Refused, with all that is said about it.
  for (const bearer of [joining.expose(), `${joining.expose()}x`])
    shown[`refused ${bearer.length}`] = await fetch(`http://127.0.0.1:${controlPlane.adminPort}/api/v1/tokens`, {
      headers: { authorization: `Bearer ${bearer}` },
    }).then((answer) => answer.text());
  shown['what members hold, counted and said'] = await mesh().report();
  shown['the log'] = mesh().log.join('\n');
  shown['what the Envoy said'] = client.log.join('\n');
  shown['the audit log'] = JSON.stringify(controlPlane.values.audit());
  // The control plane runs in this process.
  shown['a diagnostic report of Node'] = JSON.stringify(process.report.getReport());
  expect(foundIn(shown, needles)).toEqual([]);
  // It does look: each is found where it may stand.
  const written = { it: [...needles].map(([, [form]]) => form).join(' ') };
  expect(foundIn(written, needles)).toHaveLength(needles.size);
  const bytes = Object.values(shown).reduce((sum, text) => sum + text.length, 0);
  const forms = [...needles.values()].flat().length;
  console.log(
    `promise T6: ${needles.size} secrets in ${forms} forms, looked for in ${Object.keys(shown).length} answers, metrics, dumps, logs and reports ` +
      `(${(bytes / 1e6).toFixed(1)} MB): 0 found`,
  );

  // And the files that do hold them are their owner's alone (T19).
  const files = readdirSync(state, { recursive: true, withFileTypes: true });
  const open = files.filter((entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o077) !== 0);
  expect(open.map(({ name }) => name)).toEqual([]);
  await catalog.close();
});
