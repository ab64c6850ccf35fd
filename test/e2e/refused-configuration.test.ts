import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
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

  // The culprit goes, and the proxy is whole again.
  await new Promise((resolve) => squatter.close(resolve));
  await mesh.commit({ 'late.yaml': undefined });
  await eventually('the client is whole again', () => statusOf(client).status === 'SYNCED');
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
