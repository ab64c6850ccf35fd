import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RefusedResource } from '../../src/model/status.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { type Member, refusedUpdates } from '../support/member.ts';
import { ledgerYaml, narrowEnvoy, tooLargeRegex } from '../support/narrow-envoy.ts';
import { nextAddress, serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';

/** How long nothing may be offered again; the rule says for ever (X38). */
const silence = 3_000;

let mesh: TestMesh;
let client: Member;
let bystander: Member;
let application: Application;

beforeAll(async () => {
  mesh = await startTestMesh({ policies: { 'catalog.yaml': serviceYaml('catalog') } });
  const address = nextAddress();
  application = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  client = await mesh.join({ service: 'frontend' });
  bystander = await mesh.join({ service: 'batch' });
  await mesh.synced();
});

afterAll(async () => {
  await application.close();
  // This one time an Envoy is meant to refuse.
  await mesh.close({ checkRejected: false });
});

const statusOf = (member: Member) => {
  const found = mesh
    .controlPlane()
    .values.proxies()
    .find(({ name, namespace }) => `${name}.${namespace}` === member.id);
  if (!found) throw new Error(`${member.id} is not connected`);
  return found;
};

test('a real Envoy refuses one listener: the rest of the commit acts, the reason is shown, nothing is offered again (X38, X44, E15)', {
  timeout: 60_000,
}, async () => {
  // The port that the new service will have, known from its first life, taken by another program on the client's address.
  await mesh.apply({ 'late.yaml': serviceYaml('late') });
  const port = mesh.localPort('late', 80);
  await mesh.apply({ 'late.yaml': undefined });
  await eventually('the listener is gone', async () => !(await client.admin.get('/listeners')).includes(`:${port}`));
  const squatter = createServer();
  squatter.listen(port, client.address);
  await once(squatter, 'listening');

  const commit = await mesh.commit({
    'late.yaml': serviceYaml('late'),
    'catalog-route.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec: { hosts: [catalog], http: [{ headers: { response: { set: { x-commit: second } } }, route: [{ destination: { host: catalog } }] }] }
`,
  });
  await eventually('the client refused', () => statusOf(client).status === 'REJECTED');
  const { error } = statusOf(client).types.LDS;
  expect(error?.resources).toEqual(['out_shop_late_80']);
  expect(error?.message).toContain('cannot bind');
  expect(statusOf(client).revision.wanted).toBe(commit);

  // What else the commit says acts on this very proxy, and whom it does not concern has all of it.
  const call = () => fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/' });
  await eventually('the route of the same commit acts', async () => (await call()).headers['x-commit'] === 'second');
  await eventually('the bystander has it all', () => statusOf(bystander).status === 'SYNCED');

  const refused = await client.stat('listener_manager.lds.update_rejected');
  expect(refused).toBe(1);
  await sleep(silence);
  expect(await client.stat('listener_manager.lds.update_rejected')).toBe(refused);
  expect((await call()).status).toBe(200);

  // The culprit goes; offered again, without another commit, the proxy is whole.
  await new Promise((resolve) => squatter.close(resolve));
  expect(mesh.controlPlane().values.release('out_shop_late_80')).toEqual({
    resource: 'out_shop_late_80',
    released: 0,
    proxies: [client.id],
  });
  await eventually('the client is whole again', () => statusOf(client).status === 'SYNCED');
  expect(statusOf(client).revision.serving).toBe(commit);
  expect(await client.stat('listener_manager.lds.update_rejected')).toBe(refused);
  expect((await client.admin.get('/listeners')).includes(`:${port}`)).toBe(true);
  expect((await call()).status).toBe(200);
  expect(mesh.controlPlane().values.release('out_shop_late_80').proxies).toEqual([]);
  await mesh.apply({ 'late.yaml': undefined });
});

const ledgerRoute = (header: string, regex?: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ledger, namespace: bank }
spec:
  hosts: [ledger.internal]
  http:
${regex === undefined ? '' : `    - { name: wide, match: [{ uri: { regex: '${regex}' } }], route: [{ destination: { host: ledger.internal } }] }\n`}    - { headers: { response: { set: { x-commit: ${header} } } }, route: [{ destination: { host: ledger.internal } }] }
`;

const ledgerPool = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ledger, namespace: bank }
spec: { host: ledger.internal, trafficPolicy: { connectionPool: { tcp: { connectTimeout: 2s } } } }
`;

describe('two Envoys of one view', () => {
  let bank: TestMesh;
  let ledger: Application;

  beforeAll(async () => {
    const address = nextAddress();
    ledger = await startApplication({ address, port: 9080 }, 'ledger');
    bank = await startTestMesh({
      policies: { 'ledger.yaml': ledgerYaml(address), 'ledger-route.yaml': ledgerRoute('good') },
    });
  });
  afterAll(async () => {
    await ledger.close();
    await bank.close({ checkRejected: false });
  });

  test('what one refused is not offered to the other, nor to itself after a restart; one commit heals both (X38, X44)', {
    timeout: 60_000,
  }, async () => {
    const portal = (name: string) => bank.join({ service: 'portal', namespace: 'bank', name, envoyFlags: narrowEnvoy });
    const proxies = () => bank.controlPlane().values.proxies();
    const routes = (name: string) => {
      const { RDS, VHDS } = proxies().find((proxy) => proxy.name === name)?.types ?? {};
      return [RDS, VHDS].filter((type) => type !== undefined);
    };
    const allRejected = (name: string) =>
      routes(name).length === 2 && routes(name).every(({ status }) => status === 'REJECTED');
    const header = async ({ address, proxyPort }: Member) =>
      (await fetchOnce({ host: address, port: proxyPort, path: 'http://ledger.internal/' })).headers['x-commit'];
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${bank.controlPlane().adminPort}${path}`);
      return answer.text();
    };
    const wanted = async (): Promise<readonly RefusedResource[]> =>
      (JSON.parse(await ask('/debug/nackz')) as RefusedResource[]).filter((refused) => refused.wanted);

    const first = await portal('portal-1');
    await bank.synced();
    const good = bank.controlPlane().policies.get().served?.revision.commit;
    const commit = await bank.commit({ 'ledger-route.yaml': ledgerRoute('refused', tooLargeRegex) });
    await eventually('the first refused both routes', async () => (await wanted()).length === 2);
    const names = ['out_bank_ledger~internal_80', 'out_proxy/out_bank_ledger~internal_80'];
    const refused = await wanted();
    expect(refused.map(({ resource, type }) => [type, resource]).sort()).toEqual([
      ['RDS', names[0]],
      ['VHDS', names[1]],
    ]);
    for (const one of refused) {
      expect(one).toMatchObject({
        scope: 'view bank',
        message: expect.stringContaining('RE2 program size'),
        firstRefusedBy: 'portal-1.bank',
        refusals: 1,
        withheldFrom: 'equals',
        // Both routes hold all rules of the object, so it is the list of its rules that is named, as that is what changed.
        source: { ref: 'VirtualService/bank/ledger', file: 'policies/ledger-route.yaml', line: 6, commit },
        fix: expect.stringContaining('policies/ledger-route.yaml:6'),
      });
      expect(one.servedVersion).toBeDefined();
      expect(one.servedVersion).not.toBe(one.refusedVersion);
    }
    for (const type of routes('portal-1'))
      expect(type).toMatchObject({ status: 'REJECTED', error: { source: { commit } } });
    expect(routes('portal-1')).toHaveLength(2);
    expect(await header(first)).toBe('good');
    // A later commit that leaves it as it is makes nothing of it good.
    const later = await bank.commit({ 'ledger-pool.yaml': ledgerPool });
    const revision = () => proxies().find((proxy) => proxy.name === 'portal-1')?.revision;
    await eventually('the later commit is wanted', () => revision()?.wanted === later);
    expect(revision()?.serving).toBe(good);

    const second = await portal('portal-2');
    await first.sidecar.kill();
    await eventually('the first is gone', () => routes('portal-1').length === 0);
    const again = await portal('portal-1');
    for (const [member, name, refusedBy] of [
      [second, 'portal-2', 'portal-1.bank'],
      [again, 'portal-1', undefined],
    ] as const) {
      await eventually(`${name} is not offered it`, () => allRejected(name));
      expect(routes(name).map(({ error }) => error?.refusedBy)).toEqual([refusedBy, refusedBy]);
      expect(routes(name).flatMap(({ withheld = [] }) => withheld.map(({ resource }) => resource))).toEqual(names);
      expect(await header(member)).toBe('good');
      expect(await refusedUpdates(member)).toEqual([]);
    }
    expect((await wanted()).map(({ refusals }) => refusals)).toEqual([1, 1]);
    const metrics = await ask('/metrics');
    for (const type of ['rds', 'vhds']) {
      expect(metrics).toContain(`weft_xds_quarantined{type="${type}"} 1`);
      expect(metrics).toContain(`pilot_total_xds_rejects{type="${type}"} 1`);
    }

    await bank.apply({ 'ledger-route.yaml': ledgerRoute('fixed') });
    for (const member of [second, again]) {
      expect(await header(member)).toBe('fixed');
      expect(await refusedUpdates(member)).toEqual([]);
    }
    expect(await wanted()).toEqual([]);
    expect(await ask('/metrics')).toContain('weft_xds_quarantined{type="rds"} 0');
  });
});

test('a changed cluster is warm again at once: its endpoints are sent after it, unasked (E19, X87)', async () => {
  const call = () => fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://catalog.shop/' });
  for (let round = 1; round <= 5; round += 1) {
    const began = Date.now();
    await mesh.apply({
      'catalog-pool.yaml': `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { tcp: { connectTimeout: ${round}s } } } }
`,
    });
    // Without the endpoints Envoy would withhold its acknowledgement for 15 s.
    expect(Date.now() - began).toBeLessThan(3_000);
    expect((await call()).status).toBe(200);
  }
  expect(await client.stat('cluster.out_shop_catalog_80.init_fetch_timeout')).toBe(0);
  expect(await client.stat('cluster_manager.warming_clusters')).toBe(0);
});
