import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const address = nextAddress();
let application: Application;
afterAll(() => application.close());

const entryYaml = (name: string) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.internal]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: ${address}, ports: { http: 9080 } }]
`;
const routeYaml = (name: string, mark: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.internal], http: [{ headers: { response: { set: { x-mark: ${mark} } } }, route: [{ destination: { host: ${name}.internal } }] }] }
`;

const mesh = useTestMesh(
  () => ({
    policies: {
      'catalog.yaml': serviceYaml('catalog'),
      'books.yaml': entryYaml('books'),
      'songs.yaml': entryYaml('songs'),
      'meshconfig.yaml': 'outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n',
    },
  }),
  async () => {
    application = await startApplication({ address, port: 9080 }, 'elsewhere');
  },
);

/** How often an Envoy has taken the route configuration behind HTTP_PROXY, and virtual hosts of it. */
async function taken(member: Member): Promise<readonly (number | undefined)[]> {
  const stats = await member.admin.stats('rds\\.(vhds\\.)?out_proxy\\.(config_reload|update_success|update_rejected)$');
  return ['out_proxy.update_success', 'vhds.out_proxy.config_reload', 'vhds.out_proxy.update_rejected'].map((name) =>
    stats.get(`http.out.rds.${name}`),
  );
}

/** A listener of a Sidecar's own at the port of HTTP_PROXY. */
const sidecarYaml = (port: number) => `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: frontend, namespace: shop }
spec:
  egress: [{ port: { number: ${port}, protocol: HTTP, name: http }, hosts: ['./books.internal'] }]
`;

test('decision 42: behind HTTP_PROXY a change is one virtual host, one that goes is unknown, and a new control plane sends nothing', async () => {
  const client = await mesh().join({ service: 'frontend' });
  await mesh().synced();
  const call = (name: string) =>
    fetchOnce({ host: client.address, port: client.proxyPort, path: `http://${name}.internal/` });
  for (const name of ['books', 'songs']) expect((await call(name)).status).toBe(200);
  expect((await call('films')).status).toBe(502);

  const [routes, hosts = 0, refused] = await taken(client);
  expect(refused).toBe(0);
  await mesh().apply({ 'books-route.yaml': routeYaml('books', 'second') });
  expect((await call('books')).headers['x-mark']).toBe('second');
  expect((await call('songs')).headers['x-mark']).toBeUndefined();
  expect(await taken(client)).toEqual([routes, hosts + 1, 0]);

  await mesh().apply({ 'films.yaml': entryYaml('films') });
  expect((await call('films')).status).toBe(200);
  await mesh().apply({ 'songs.yaml': undefined });
  expect((await call('songs')).status).toBe(502);
  expect(await taken(client)).toEqual([routes, hosts + 3, 0]);

  // What Envoy holds it says when it comes back, and a control plane that has only just started makes the same of the same.
  await mesh().restartControlPlane();
  await mesh().synced();
  expect(await taken(client)).toEqual([routes, hosts + 3, 0]);
  expect((await call('books')).headers['x-mark']).toBe('second');

  // Envoy forgets the hosts of a listener that goes, and passes over those that come before it.
  await mesh().apply({ 'sidecar.yaml': sidecarYaml(client.proxyPort) });
  const listens = async () => (await client.admin.get('/listeners')).includes('out_proxy::');
  await eventually('the listener is gone', async () => !(await listens()));
  await mesh().apply({ 'sidecar.yaml': undefined });
  await eventually('the listener is back', async () => (await call('films')).status === 200, 5_000);
  expect((await call('books')).headers['x-mark']).toBe('second');
});
