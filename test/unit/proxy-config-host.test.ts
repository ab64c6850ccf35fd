import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configDump } from '../../src/control-plane/config-dump.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { runVerb } from '../support/run-verb.ts';
import { spineMesh } from '../support/spine-mesh.ts';

/*
 * `weft proxy-config TYPE NAME --fqdn HOST`: every name of a service means it, and nothing is never shown without a word. On what the
 * functions that serve make of policies.
 */

const folder = mkdtempSync(join(tmpdir(), 'weft-host-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const service = (name: string, namespace: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 9080 }] }\n`;
const outside = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec: { hosts: [api.example.com], ports: [{ number: 443, name: tls, protocol: TLS }], resolution: DNS }
`;

beforeAll(() => {
  const spine = spineMesh({
    texts: {
      'a.yaml': service('reviews', 'shop'),
      'b.yaml': service('reviews', 'bank'),
      'c.yaml': service('previews', 'shop'),
      'd.yaml': outside,
    },
    workloads: [workload('reviews-1', 'reviews', 19_080)],
  });
  const caller = proxy('frontend-1.shop');
  const { snapshot } = spine.snapshots.hold({ ...caller, capture: { ...caller.capture, ports: true } });
  const made = snapshot.get();
  if (made === undefined) throw new Error('no snapshot');
  writeFileSync(join(folder, 'dump.json'), JSON.stringify(configDump(made)));
});

const weft = (words: string) => runVerb(`proxy-config ${words} --file dump.json`.split(' '), { cwd: folder });
const names = async (words: string) => (await weft(`${words} -o name`)).stdout.trim().split('\n').sort();

test.each(['clusters', 'endpoints', 'listeners'])('every name of a service means it: %s', async (type) => {
  for (const host of [
    'reviews.shop',
    'reviews.shop.svc',
    'reviews.shop.svc.cluster.local',
    'reviews.shop.mesh',
    'Reviews.Shop.',
  ])
    expect([host, await names(`${type} --fqdn ${host}`)]).toEqual([host, ['out_shop_reviews_80']]);
  expect(await names(`${type} --fqdn reviews`)).toEqual(['out_bank_reviews_80', 'out_shop_reviews_80']);
  expect(await names(`${type} --fqdn reviews -n bank`)).toEqual(['out_bank_reviews_80']);
  expect(await names(`${type} --fqdn reviews.bank --port 80`)).toEqual(['out_bank_reviews_80']);
});

test('routes are those of the host, and of no other that ends alike', async () => {
  for (const host of ['reviews.shop', 'reviews.shop.svc.cluster.local', 'reviews']) {
    const { stdout } = await weft(`routes --fqdn ${host} -n shop`);
    const rows = stdout.trim().split('\n').slice(1);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatch(/ out_shop_reviews_80 /);
  }
});

test('a host outside the mesh is called by its name', async () => {
  expect(await names('clusters --fqdn api.example.com')).toEqual(['out_shop_api~example~com_443']);
});

test('nothing found is said, with what was meant or what there is', async () => {
  const wrong = await weft('clusters --fqdn reviwes.shop');
  expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([
    0,
    '',
    'no clusters of "reviwes.shop": did you mean "reviews.shop"?\n',
  ]);
  expect((await weft('endpoints --fqdn rewievs')).stderr).toBe('no endpoints of "rewievs": did you mean "reviews"?\n');
  expect((await weft('clusters --fqdn warehouse.depot')).stderr).toBe(
    'no clusters of "warehouse.depot": there is api.example.com, previews.shop, reviews.bank, reviews.shop\n',
  );
  expect((await weft('clusters --fqdn reviews -n depot')).stderr).toContain('no clusters of "reviews" in depot: ');
  expect((await weft('clusters --fqdn reviews.shop --port 81')).stderr).toBe('no clusters with port 81\n');
});

test('as JSON, too, only what is about the host is printed', async () => {
  const { configs } = JSON.parse((await weft('all --fqdn reviews.bank -o json')).stdout);
  const text = JSON.stringify(configs);
  expect(text).toContain('out_bank_reviews_80');
  expect(text).not.toMatch(/out_shop_(pre|re)views_80|example/);
  expect(configs.map((part: { '@type': string }) => part['@type'].split('.').at(-1))).toContain('RoutesConfigDump');
});
