import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { fromCanonicalJson } from '../../src/proto/canonical-json.ts';
import { encode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import { translateSecrets } from '../../src/translate/translate-secrets.ts';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, extensionType, listenerType, routeType } from '../../src/xds/resource-types.ts';
import { staticBootstrap } from '../golden/static-bootstrap.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { runVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';
import { testFolder } from '../support/test-folder.ts';

const { folder, write } = testFolder('weft-translate-');
const shop = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 80, targetPort: 9080}, {name: grpc-admin, port: 81, targetPort: admin}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-7, labels: {app: reviews}}
spec: {address: 10.0.0.7, serviceAccount: reader, ports: {http: 9080, admin: 60000}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - timeout: 3s
      match: [{sourceLabels: {app: reviews}}]
      route: [{destination: {host: reviews, port: {number: 80}}}]
    - route: [{destination: {host: reviews, port: {number: 80}}}]
`;

beforeAll(() => {
  write('good/policies/shop/reviews.yaml', shop);
  write('wrong/policies/shop/reviews.yaml', shop.replace('timeout', 'timeuot'));
  write('noted/policies/shop/reviews.yaml', shop.replace('grpc-admin', 'admin'));
  write('plain.yaml', shop.replaceAll('metadata: {', 'metadata: {namespace: bank, '));
});

const weft = (line: string) => runVerb(line.split(' '), { cwd: folder });

it('shows the decisions for a workload of a Service, each with the line that made it', async () => {
  const { code, stdout } = await weft('translate -f good --to ir --proxy reviews.shop -o json');
  const { kind, proxy, inbound, view } = JSON.parse(stdout);
  expect([code, kind, proxy, view.key]).toEqual([0, 'ProxyIR', 'reviews.shop', 'shop {"app":"reviews"}']);
  // No number is known for the name `admin` of a workload that no file describes.
  expect(inbound.map((one: { port: number; protocol: string }) => [one.port, one.protocol])).toEqual([
    [81, 'grpc'],
    [9080, 'http'],
  ]);
  expect(stdout).toContain('VirtualService/shop/reviews spec.http[0].timeout policies/shop/reviews.yaml:19');
});

it('WEFT0501 says of a proxy that it receives more than it needs', async () => {
  // Istio takes 256 hosts in one.
  const entries = Array.from({ length: 9 }, (_, index) => {
    const hosts = Array.from({ length: 250 }, (_, host) => `h${index}-${host}.example`);
    return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hosts-${index} }
spec: { hosts: [${hosts}], ports: [{ name: http, number: 80, protocol: HTTP }], resolution: DNS }
`;
  });
  write('large/policies/bank/hosts.yaml', entries.join('---\n'));
  const { code, stdout, stderr } = await weft('translate -f large --to xds -n bank -o json');
  expect(code).toBe(0);
  expect(stderr).toMatch(/receives 22\d\d clusters, \d\.\d MiB \(WEFT0501\): add a Sidecar with egress\.hosts/);
  expect(JSON.parse(stdout).clusters.length).toBeGreaterThan(2_000);
}, 60_000);

it('takes labels, ports and identity of a WorkloadEntry, under its full or its short name', async () => {
  const full = await weft('translate -f good --to ir --proxy reviews-7.shop -o json');
  const { proxy, inbound, view } = JSON.parse(full.stdout);
  expect([proxy, view.key]).toEqual(['reviews-7.shop', 'shop {"app":"reviews"}']);
  expect(inbound.map(({ listen }: { listen: { port: number } }) => listen.port)).toEqual([19080, 50000]);
  expect((await weft('translate -f good --to ir --proxy reviews-7 -n shop -o json')).stdout).toBe(full.stdout);
});

it('without --proxy shows a caller of the namespace', async () => {
  const { code, stdout } = await weft('translate -f good --to ir -n shop -o json');
  const { proxy, inbound, view } = JSON.parse(stdout);
  expect([code, proxy, inbound, view.key]).toEqual([0, 'caller.shop', [], 'shop']);
});

it('reads one file that is in no folder of policies', async () => {
  const { code, stdout } = await weft('translate -f plain.yaml --to xds --proxy reviews.bank -o json');
  const names = JSON.parse(stdout).clusters.map(({ name }: { name: string }) => name);
  expect([code, names.includes('out_bank_reviews_80')]).toEqual([0, true]);
});

it('lists whom there is when nobody is called so', async () => {
  const { code, stdout, stderr } = await weft('translate -f good --to xds --proxy reviwes.shop');
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain('WEFT0920 no Service, WorkloadEntry or WorkloadGroup is named "reviwes.shop"');
  expect(stderr).toContain('did you mean "reviews.shop"?\n           there are: reviews-7.shop, reviews.shop\n');
});

it('refuses a stage, a format, a path and a namespace that do not exist', async () => {
  for (const line of ['--to envoy', '--to xds -o table', '--to xds -f nowhere', '--to xds -f good -n A.b', '']) {
    const { code, stdout, stderr } = await weft(`translate ${line}`.trim());
    expect([code, stdout], line).toEqual([2, '']);
    expect(stderr, line).toContain('WEFT0912');
  }
});

it('translates nothing that has an error, and frames it as weft validate does', async () => {
  const { code, stdout, stderr } = await weft('translate -f wrong --to xds');
  expect([code, stdout]).toEqual([1, '']);
  const validated = (await weft('validate wrong')).stdout;
  const frames = (text: string) => text.replace(/\(\d+ ms\)/, '');
  expect(frames(stderr)).toBe(frames(validated));
  const asked = await weft('translate -f wrong --to xds -o json');
  expect([asked.code, JSON.parse(asked.stdout)]).toEqual([
    1,
    JSON.parse((await weft('validate wrong -o json')).stdout),
  ]);
  expect((await weft('translate -f wrong --to xds -q')).stdout).toContain('WEFT0002');
});

it('translates what has findings but no error, and tells them beside the data', async () => {
  const { code, stdout, stderr } = await weft('translate -f noted --to ir -n shop -o json');
  expect([code, JSON.parse(stdout).kind]).toEqual([0, 'ProxyIR']);
  const validated = (await weft('validate noted')).stdout.split('\n');
  expect(stderr).toContain('policies/shop/reviews.yaml:6:53: info WEFT0118');
  expect(stderr).toBe(`${validated.slice(0, -2).join('\n')}\n`);
});

it('writes what a real Envoy takes, in JSON and YAML alike', async () => {
  const { code, stdout } = await weft('translate -f good --to xds --proxy reviews-7.shop -o json');
  expect(code).toBe(0);
  const { listeners, filters, routes, clusters, endpoints } = JSON.parse(stdout);
  const groups = {
    [listenerType]: listeners,
    [extensionType]: filters,
    [routeType]: routes,
    [clusterType]: clusters,
    [endpointType]: endpoints,
  };
  const resources = Object.entries(groups).flatMap(([typeUrl, messages]) =>
    messages.map((message: { name?: string; cluster_name?: string }) => {
      const schema = schemaOf(typeUrl);
      const value = encode(schema, fromCanonicalJson(schema, message));
      return createResource({ typeUrl, name: message.name ?? message.cluster_name ?? '', value, references: [] });
    }),
  );
  const { certificate, key } = selfSigned('reviews-7');
  const secrets = translateSecrets({ certificateChain: certificate, privateKey: key, bundle: [certificate] });
  const file = join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(staticBootstrap([...resources, ...secrets])));
  const words = ['--mode', 'validate', '--disable-hot-restart', '-l', 'warn', '-c', file];
  expect(execFileSync(await envoyPath(), words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toContain(
    'OK',
  );
  expect(endpoints.map(({ cluster_name }: { cluster_name: string }) => cluster_name)).toContain('out_shop_reviews_80');
  const yaml = await weft('translate -f good --to xds --proxy reviews-7.shop');
  expect(yaml.stdout).toContain('kind: ProxyResources\nproxy: reviews-7.shop\n');
});
