import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** ServiceEntries of bank and barn have every name of the Service of shop; two of one namespace would be one host, defined twice (P3). */
const other = nextAddress();
const applications: Application[] = [];
const names = ['catalog.shop.svc.cluster.local', 'catalog.shop.mesh', 'catalog.shop.svc', 'catalog.shop'];
const inFolder = (host: string) => (host.endsWith('.mesh') ? 'barn' : 'bank');
const squatters = Object.fromEntries(
  names.map((host, index) => [
    `${inFolder(host)}/taker-${index}.yaml`,
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: taker-${index}, namespace: ${inFolder(host)} }
spec:
  hosts: [${host}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: ${other}, ports: { http: 9080 } }]
`,
  ]),
);

let clients: Readonly<Record<string, Member>> = {};
const mesh = useTestMesh(
  () => ({ policies: { 'shop/catalog.yaml': serviceYaml('catalog'), ...squatters } }),
  async (started) => {
    const address = started.nextAddress();
    applications.push(await startApplication({ address, port: 9080 }, 'service'));
    applications.push(await startApplication({ address: other, port: 9080 }, 'taker'));
    await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    clients = {
      shop: await started.join({ service: 'frontend' }),
      zoo: await started.join({ service: 'cage', namespace: 'zoo' }),
      bank: await started.join({ service: 'teller', namespace: 'bank' }),
    };
    await started.synced();
  },
);
afterAll(() => Promise.all(applications.map((application) => application.close())));

test.each([
  ['shop', [...names, 'catalog'], { service: 50, taker: 0 }],
  ['zoo', names, { service: 40, taker: 0 }],
  ['bank', names, { service: 10, taker: 30 }],
] as const)(
  'P4 calls of %s by the names of a Service reach it, but for those of who has ServiceEntries of these names',
  async (from, hosts, expected) => {
    const client = clients[from];
    if (client === undefined) throw new Error(`no client in ${from}`);
    const before = applications.map(({ requests }) => requests());
    for (const host of hosts) {
      for (let sent = 0; sent < 10; sent++) {
        const target = { host: client.address, port: client.proxyPort, path: `http://${host}/` };
        expect((await fetchOnce(target)).status).toBe(200);
      }
    }
    const [service, taker] = applications.map(({ requests }, index) => requests() - (before[index] ?? 0));
    expect({ service, taker }).toEqual(expected);
  },
);

test('each of them is told', () => {
  const { diagnostics } = mesh().controlPlane().policies.get();
  const told = diagnostics.filter(({ code, severity }) => code === 'WEFT0185' && severity === 'warning');
  expect(told.map(({ object }) => object?.name).sort()).toEqual(names.map((_, index) => `taker-${index}`));
});
