import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, promise, times } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

type Color = 'blue' | 'green';

/** The service of a color's workload, which exists while its file does: the workload itself belongs to `shop`. */
const service = (color: Color) => serviceYaml(color).replace(`{ app: ${color} }`, `{ app: shop, version: ${color} }`);

const routeTo = (color: Color) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: front, namespace: shop }
spec: { hosts: [front], http: [{ route: [{ destination: { host: ${color} } }] }] }
`;

const { mesh, callers, applications } = useXdsScene({
  policies: { 'front.yaml': serviceYaml('front'), 'route.yaml': routeTo('blue'), 'blue.yaml': service('blue') },
  served: (['blue', 'green'] as const).map((version) => ({
    service: 'shop',
    name: `shop-${version}`,
    version,
    says: version,
  })),
  // In state of the world a route configuration lives as long as its listener drains, and so do the clusters it names.
  envoyFlags: ['--drain-time-s', '1'],
});

/** Who answers a new call of each caller. */
async function answers(): Promise<readonly string[]> {
  const port = mesh().localPort('front', 80);
  const each = await Promise.all(callers().map(({ address }) => fetchOnce({ host: address, port })));
  return each.map(({ body }) => body.trim());
}

/** The clusters of colors that each caller has. */
async function clusters(): Promise<readonly string[]> {
  const dumps = await Promise.all(callers().map(({ admin }) => admin.configDump('dynamic_active_clusters')));
  return dumps.map((dump) =>
    dump
      .map((entry) => (entry as { cluster: { name: string } }).cluster.name)
      .filter((name) => /_(blue|green)_/.test(name))
      .sort()
      .join(' '),
  );
}

test(
  'X91 X92 a route goes to a new cluster and the old one is deleted, in one commit at 1,000 rps, there and back: 0 failed, no NC',
  async () => {
    const rounds = times(2, 20);
    const load = loadFrom(callers(), mesh(), 'front', 1_000);
    await load.more(500);
    const took: number[] = [];
    let old: Color = 'blue';
    /** One commit: the route, the new service, no old service. Resolves when new calls reach the new one. */
    const repoint = async () => {
      const fresh = old === 'blue' ? 'green' : 'blue';
      await mesh().commit({
        [`${fresh}.yaml`]: service(fresh),
        [`${old}.yaml`]: undefined,
        'route.yaml': routeTo(fresh),
      });
      const began = performance.now();
      await eventually(`new calls reach ${fresh}`, async () => (await answers()).every((answer) => answer === fresh));
      took.push(performance.now() - began);
      old = fresh;
    };
    for (let round = 1; round <= rounds; round += 1) {
      await repoint();
      expect(await clusters()).toEqual(callers().map(() => 'out_shop_blue_80 out_shop_green_80'));
      await eventually('the old cluster is gone after its grace', async () =>
        (await clusters()).every((names) => names === `out_shop_${old}_80`),
      );
      // The one that is on its way out comes back, before its grace is over.
      await repoint();
      await load.more(200);
      await repoint();
      await load.more(200);
    }
    const reports = await load.stop('X91');
    promise('X92', `${took.length} repointings, the slowest in force after ${Math.round(Math.max(...took))} ms`);
    expectAllAnswered(reports, 'blue', 'green');
    await expectUntroubled(mesh(), callers());
    for (const [name, count] of Object.entries(await changesOf(callers(), 'cluster_removed|listener_modified')))
      if (name.endsWith('modified')) expect(count).toBe(0);
      else expect(count).toBeGreaterThanOrEqual(rounds);
    for (const application of applications()) expect(application.requests()).toBeGreaterThan(0);
  },
  times(120_000, 600_000),
);
