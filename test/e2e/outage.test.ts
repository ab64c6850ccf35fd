import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { useServerMesh } from '../support/server-mesh.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';

/** How long the control plane is away, and in what time its proxies are back, in milliseconds (issue 3). */
const away = 20_000;
const backWithin = 3_000;
const membership = 'cluster.out_shop_catalog_80.membership_total';

const mesh = useServerMesh(
  {
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') },
    services: ['catalog', 'frontend', 'billing'],
  },
  async ({ join, closing }) => {
    for (const name of ['catalog-1', 'catalog-2']) {
      const address = nextAddress();
      closing(await startApplication({ address, port: 9080 }, name));
      await join({ service: 'catalog', name, address, ports: [{ port: 9080 }] });
    }
  },
);

test('the control plane is killed for 20 s and comes back: 0 failed, 0 endpoints withdrawn, back in 3 s', async () => {
  const { server, policies, members, join } = mesh();
  const frontend = await join({ service: 'frontend', address: nextAddress() });
  const billing = await join({ service: 'billing', address: nextAddress() });
  const callers = [frontend, billing];
  for (const caller of callers)
    await eventually('each caller has both endpoints', async () => (await caller.stat(membership)) === 2);
  const target = (caller: Member) => ({ host: caller.address, port: caller.proxyPort, path: 'http://catalog.shop/' });
  const loads = callers.map((caller) => startLoad(target(caller), 100));

  // Every caller is looked at every 100 ms: endpoints it has, and whether it has a control plane.
  const looks: { readonly endpoints: number; readonly connected: number }[] = [];
  const over = new AbortController();
  const watching = callers.map(async (caller) => {
    while (!over.signal.aborted) {
      const stats = await caller.stats(
        '^(control_plane\\.connected_state|cluster\\.out_shop_catalog_80\\.membership_total)$',
      );
      looks.push({ endpoints: stats.get(membership) ?? 0, connected: stats.get('control_plane.connected_state') ?? 0 });
      await sleep(100);
    }
  });

  for (const load of loads) await load.more(100);
  await server.kill();
  const gone = performance.now();
  await eventually('every proxy has lost it', async () => {
    const states = await Promise.all(members.map((each) => each.stat('control_plane.connected_state')));
    return states.every((state) => state === 0);
  });
  // Policies go on being written meanwhile.
  await policies.commit({
    'route.yaml': `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec: { hosts: [catalog], http: [{ headers: { response: { set: { x-after: outage } } }, route: [{ destination: { host: catalog } }] }] }
`,
  });
  await sleep(away - (performance.now() - gone));
  const startTook = await server.start();
  const listening = performance.now();
  await eventually(
    'every proxy is back',
    async () => {
      const states = await Promise.all(members.map((each) => each.stat('control_plane.connected_state')));
      return states.every((state) => state === 1);
    },
    15_000,
  );
  const back = performance.now() - listening;
  await eventually('what was committed meanwhile is in force', async () => {
    const answers = await Promise.all(callers.map((caller) => fetchOnce(target(caller))));
    return answers.every(({ headers }) => headers['x-after'] === 'outage');
  });
  // Longer than proxies known before the restart need to be forgotten if they had not been recognised.
  for (const load of loads) await load.more(200);
  over.abort();
  await Promise.all(watching);
  const reports = await Promise.all(loads.map((load) => load.stop()));
  const sent = reports.reduce((sum, report) => sum + report.sent, 0);
  console.log(
    `control plane up after ${Math.round(startTook)} ms, all proxies back ${Math.round(back)} ms later; ${sent} sent`,
  );
  for (const report of reports) {
    expect(report.failures).toEqual({});
    expect(report.succeeded).toBe(report.sent);
  }
  expect(sent).toBeGreaterThan(4_000);
  expect(Math.min(...looks.map(({ endpoints }) => endpoints))).toBe(2);
  expect(looks.filter(({ connected }) => connected === 0).length).toBeGreaterThan(100);
  expect(back).toBeLessThan(backWithin);
}, 90_000);
