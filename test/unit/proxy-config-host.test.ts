import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configDump } from '../../src/control-plane/config-dump.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { runVerb } from '../support/run-verb.ts';
import { spineMesh, type Texts } from '../support/spine-mesh.ts';

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
/** Hosts to which the sidecar begins TLS, the second without a look at who answers. */
const begun = ['begun', 'unverified']
  .map(
    (name) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec: { host: ${name}.example.com, trafficPolicy: { tls: { mode: SIMPLE, insecureSkipVerify: ${name === 'unverified'} } } }
`,
  )
  .join('---\n');

const texts = {
  'a.yaml': service('reviews', 'shop'),
  'b.yaml': service('reviews', 'bank'),
  'c.yaml': service('previews', 'shop'),
  'd.yaml': outside,
};

function writeDump(file: string, policies: Texts): void {
  const spine = spineMesh({
    texts: policies,
    workloads: [workload('reviews-1', 'reviews', 19_080)],
  });
  const caller = proxy('frontend-1.shop');
  const { snapshot } = spine.snapshots.hold({ ...caller, capture: { ...caller.capture, ports: true } });
  const made = snapshot.get();
  if (made === undefined) throw new Error('no snapshot');
  writeFileSync(join(folder, file), JSON.stringify(configDump(made)));
}
beforeAll(() => writeDump('dump.json', texts));

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

test('MTLS is of the mesh; TLS that the sidecar begins is called so', async () => {
  writeDump('begun.json', { ...texts, 'e.yaml': begun });
  const { stdout } = await runVerb(['proxy-config', 'clusters', '--file', 'begun.json'], { cwd: folder });
  const words = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(/ +/))
      .map(([name = '', , mtls = '']) => [name, mtls]),
  );
  expect(words).toMatchObject({
    out_shop_reviews_80: 'yes',
    'out_shop_api~example~com_443': '-',
    'out_shop_begun~example~com_80': 'TLS',
    'out_shop_unverified~example~com_80': 'TLS',
  });
});
