import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { decode } from '../../src/proto/codec.ts';
import { SecretSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import { runWeft } from '../support/server-process.ts';
import { shopPolicies, useTestMesh } from '../support/test-mesh.ts';

const mesh = useTestMesh(async () => ({ policies: await shopPolicies() }));

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
  for (const name of readdirSync(join(state, 'ca'))) {
    const keys = /-----BEGIN PRIVATE KEY-----([^-]+)/.exec(readFileSync(join(state, 'ca', name), 'utf8'));
    if (keys?.[1] !== undefined) needles.set(`ca/${name}`, needleOf(keys[1]));
  }
  // Root and issuer.
  expect(needles.size).toBe(2);
  needles.set('operator.token', needleOf(readFileSync(join(state, 'operator.token'), 'utf8').split('.')[1] ?? ''));
  needles.set('a token', needleOf((await mesh().token('catalog')).split('.')[1] ?? ''));
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
