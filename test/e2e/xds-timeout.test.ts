import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/member.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, promise, times, watchWarming } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

const { mesh, callers } = useXdsScene({
  policies: { 'catalog.yaml': serviceYaml('catalog') },
  served: [{ service: 'catalog' }],
});

/** The cluster's and the route's timeout, in milliseconds. */
const timeouts = (connect: number, route: number) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { tcp: { connectTimeout: ${connect}ms } } } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec: { hosts: [catalog], http: [{ timeout: ${route}ms, route: [{ destination: { host: catalog } }] }] }
`;

/** The connect timeout, in milliseconds, of the cluster that the caller uses now, warm: a warming one stands in another list. */
async function connectTimeout(caller: Member): Promise<number> {
  const dumps = await caller.admin.configDump('dynamic_active_clusters');
  const found = dumps
    .map((dump) => (dump as { cluster: { name: string; connect_timeout: string } }).cluster)
    .find(({ name }) => name === 'out_shop_catalog_80');
  return Number.parseFloat(found?.connect_timeout ?? '') * 1_000;
}

test(
  'X87 X89 F25 a timeout changes 100 times under load: 0 failed, each change warm and acknowledged within a second',
  async () => {
    const rounds = times(100, 1_000);
    // Caller, control plane and load share this process: at 400 a second each change takes four times as long.
    const load = loadFrom(callers(), mesh(), 'catalog', times(100, 400));
    await load.more(50);
    const changes = () => changesOf(callers(), 'listener_(modified|added|removed)|cluster_(added|removed)');
    const before = await changes();
    const modified = () => changesOf(callers(), 'cluster_modified');
    const modifiedBefore = await modified();
    const warming = watchWarming(callers());
    const took: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const connect = 1_000 + round;
      await mesh().commit({ 'timeouts.yaml': timeouts(connect, 5_000 + round) });
      const began = performance.now();
      await eventually(
        `the callers' clusters wait ${connect} ms`,
        async () => (await Promise.all(callers().map(connectTimeout))).every((found) => Math.round(found) === connect),
        5_000,
        10,
      );
      await mesh().synced();
      took.push(performance.now() - began);
    }
    const longest = await warming.stop();
    await load.more(50);
    const reports = await load.stop('X87');
    const slowest = Math.max(...took);
    promise(
      'F25',
      `${rounds} changes, slowest in force after ${Math.round(slowest)} ms, longest warming ${Math.round(longest)} ms`,
    );
    expectAllAnswered(reports, 'catalog');
    expect(slowest).toBeLessThan(1_000);
    expect(longest).toBeLessThan(1_000);
    expect(await changes()).toEqual(before);
    for (const [name, count] of Object.entries(await modified()))
      expect(count - (modifiedBefore[name] ?? 0)).toBe(rounds);
    await expectUntroubled(mesh(), callers());
  },
  times(120_000, 600_000),
);
