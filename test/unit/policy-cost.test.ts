import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Proxy } from '../../src/model/proxy.ts';
import { mapCounter } from '../../src/model/sorted-map.ts';
import type { Workload } from '../../src/model/workload.ts';
import { encode } from '../../src/proto/codec.ts';
import { ResourceSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { registryCounters } from '../../src/registry/counters.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { factsCounter } from '../../src/resolve/endpoint-facts.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { encodeCounter } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { namesOf } from '../../src/xds/snapshot.ts';
import { connectRawClient, type DeltaStream } from '../support/raw-xds-client.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh, type Texts } from '../support/spine-mesh.ts';

/*
 * What one change costs, from the policies to the bytes that a client reads, in a mesh of 50 services and in one of 500: the same. By
 * counters, not by a clock (performance.md 2).
 */

const cleanups: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const head = (group: string, kind: string, name: string) =>
  `apiVersion: ${group}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: shop }\nspec:\n`;
const routes = (name: string, timeout: string) =>
  `${head('networking.istio.io/v1', 'VirtualService', name)}  hosts: [${name}]\n  http: [{ timeout: ${timeout}, route: [{ destination: { host: ${name}, subset: v1 } }] }]\n`;
const rule = (name: string, connections: number) =>
  `${head('networking.istio.io/v1', 'DestinationRule', name)}  host: ${name}\n  trafficPolicy: { connectionPool: { tcp: { maxConnections: ${connections} } } }\n  subsets: [{ name: v1, labels: { version: v1 } }]\n`;
const others = (name: string) =>
  `${head('v1', 'Service', name)}  selector: { app: ${name} }\n  ports: [{ name: http, port: 80, targetPort: 9080 }]\n---\n${head('security.istio.io/v1', 'AuthorizationPolicy', name)}  selector: { matchLabels: { app: ${name} } }\n  rules: [{ to: [{ operation: { methods: [GET] } }] }]\n`;

function scene(size: number) {
  const names = Array.from({ length: size }, (_, index) => `s${String(index).padStart(3, '0')}`);
  const texts: Texts = Object.fromEntries(
    names.flatMap((name) => [
      [`shop/${name}.yaml`, others(name)],
      [`shop/${name}-routes.yaml`, routes(name, '3s')],
      [`shop/${name}-rule.yaml`, rule(name, 100)],
    ]),
  );
  const workloads = names.map((name, index) =>
    workload(`${name}-1`, name, 20_000 + index, { labels: { app: name, version: 'v1' } }),
  );
  return { texts, workloads };
}

/** Two proxies of one scope and one of another namespace. */
const proxies: readonly Proxy[] = ['s001-1.shop', 's002-1.shop', 'other-1.web'].map((id) =>
  proxy(id, {
    service: id.split('-')[0] ?? '',
    labels: { app: id.split('-')[0] ?? '' },
    capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
  }),
);

/** What came to one client since it was looked at last. */
interface Came {
  readonly responses: number;
  readonly names: readonly string[];
  readonly bytes: number;
}

interface Cost {
  /** Looked at, resolved, translated and encoded, by counter; those that did not move are absent. */
  readonly work: Readonly<Record<string, number>>;
  /** By client. */
  readonly came: readonly Came[];
}

/** Reads and acknowledges until the names that nobody has are known to be none: all before them has come. */
async function settle(stream: DeltaStream, mark: string): Promise<Came> {
  const names: string[] = [];
  let [responses, bytes] = [0, 0];
  const open = new Set<string>([endpointType, routeType]);
  for (const typeUrl of open) stream.send({ typeUrl, resourceNamesSubscribe: [mark] });
  while (open.size > 0) {
    const response = await stream.next(60_000);
    stream.send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
    if (response.removedResources.includes(mark)) open.delete(response.typeUrl);
    if (response.resources.length > 0) responses += 1;
    for (const resource of response.resources) {
      names.push(resource.name);
      bytes += encode(ResourceSchema, resource).length;
    }
  }
  return { responses, names: names.sort(), bytes };
}

/** A mesh with a server, and clients that hold all that a sidecar asks for. */
async function connected(size: number) {
  const { texts, workloads } = scene(size);
  const spine = spineMesh({ texts, workloads });
  cleanups.push(() => spine.snapshots.stop());
  const server = await createXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    identifier: 'cost',
    virtualHosts: 'all',
    authenticate: () => ({ ok: 'anybody' }),
    open: ({ node }) => {
      const own = proxies.find(({ id }) => id === node.id) ?? proxy(node.id);
      const held = spine.snapshots.hold(own);
      return {
        ok: {
          snapshot: () => held.snapshot.get(),
          watch: (onChange) => held.snapshot.watch(onChange),
          close: () => held.release(),
        },
      };
    },
  });
  cleanups.push(() => server.close());
  const client = connectRawClient(server.port);
  cleanups.push(() => client.close());
  const streams: DeltaStream[] = [];
  for (const { id } of proxies) {
    const stream = client.delta();
    streams.push(stream);
    stream.send({ node: { id, cluster: id }, typeUrl: clusterType });
    stream.send({ typeUrl: listenerType });
    stream.send({ typeUrl: virtualHostType });
    await settle(stream, 'first');
    const layers = spine.snapshots.of(id)?.layers ?? [];
    for (const typeUrl of [endpointType, routeType])
      stream.send({ typeUrl, resourceNamesSubscribe: [...namesOf(layers, typeUrl)] });
    await settle(stream, 'second');
  }
  let marks = 0;
  return {
    ...spine,
    texts,
    workloads,
    /** What it did and sent, until every client was told all. */
    async cost(change: () => void): Promise<Cost> {
      const before = { ...resolveCounters, ...counted() };
      change();
      marks += 1;
      const came: Came[] = [];
      for (const stream of streams) came.push(await settle(stream, `mark-${marks}`));
      const now = { ...resolveCounters, ...counted() };
      const work = Object.entries(now).map(([key, count]) => [key, count - before[key as keyof typeof before]]);
      return { work: Object.fromEntries(work.filter(([, count]) => count !== 0)), came };
    },
  };
}

function counted() {
  const translated = Object.values(translateCounters).reduce((sum, count) => sum + count, 0);
  const { workloads, services: built } = registryCounters;
  const { entries } = mapCounter;
  return { translated, wire: encodeCounter.resources, workloads, built, facts: factsCounter.services, entries };
}

type Mesh = Awaited<ReturnType<typeof connected>>;

const elsewhere = new Map<Workload, Workload>();

/** A workload at another address, if it is one of these; it says all else in new words. */
function moved(one: Workload, ...ids: readonly string[]): Workload {
  if (!ids.includes(one.id)) return one;
  const known = elsewhere.get(one) ?? { ...one, labels: { ...one.labels }, address: '127.0.0.9' };
  elsewhere.set(one, known);
  return known;
}

const changes = {
  'one changed VirtualService': ({ serve, parse, texts }: Mesh) =>
    serve(parse({ ...texts, 'shop/s007-routes.yaml': routes('s007', '4s') })),
  'one changed DestinationRule': ({ serve, parse, texts }: Mesh) =>
    serve(parse({ ...texts, 'shop/s007-routes.yaml': routes('s007', '4s'), 'shop/s007-rule.yaml': rule('s007', 101) })),
  'one changed endpoint': ({ register, workloads }: Mesh) =>
    register(workloads.map((one) => moved(one, 's007-1.shop'))),
  'a connected proxy that says who it is anew': ({ register, workloads }: Mesh) =>
    register(workloads.map((one) => moved(one, 's007-1.shop', 's001-1.shop'))),
};

type Costs = Readonly<Record<keyof typeof changes, Cost>>;

/** What each change costs, one after another. */
async function costsOf(mesh: Mesh): Promise<Costs> {
  const costs: [string, Cost][] = [];
  for (const [name, change] of Object.entries(changes)) costs.push([name, await mesh.cost(() => change(mesh))]);
  return Object.fromEntries(costs) as Costs;
}

let costs: readonly Costs[] = [];
beforeAll(async () => {
  // Both at once: neither puts out what is remembered of the other.
  const meshes = [await connected(50), await connected(500)];
  costs = [];
  for (const mesh of meshes) costs = [...costs, await costsOf(mesh)];
}, 180_000);

const atMost = (limit: number): number => expect.toSatisfy((count: number) => count > 0 && count <= limit);
/** What each client was sent: in how many responses, which names, and at most so many bytes. */
const sent = (responses: number, bytes: number, ...names: readonly string[]) =>
  proxies.map(() => ({ responses, names, bytes: atMost(bytes) }));
const clusters = ['out_shop_s007_80', 'out_shop_s007_80_v1'];

test.each<[keyof typeof changes, Cost]>([
  // The two namespaces have a view each. The virtual hosts differ in them, the route of the local port is the same.
  [
    'one changed VirtualService',
    {
      work: { views: 2, services: 1, translated: atMost(4), wire: 3 },
      came: sent(2, 1_600, 'out_proxy/out_shop_s007_80', 'out_shop_s007_80'),
    },
  ],
  // Whoever gets a cluster anew gets its endpoints anew.
  [
    'one changed DestinationRule',
    {
      work: { views: 2, services: 1, translated: atMost(6), wire: 2 },
      came: sent(2, 3_000, ...[...clusters, ...clusters].sort()),
    },
  ],
  // Its own half is decided by what it says and not by who says it: no inbound is resolved.
  [
    'a connected proxy that says who it is anew',
    {
      work: { endpoints: 2, translated: 2, wire: 2, workloads: atMost(5), built: 1, facts: 1 },
      came: sent(1, 600, 'out_shop_s001_80', 'out_shop_s001_80_v1'),
    },
  ],
  // In the registry, too, nobody looks at other workloads and services than those that it is about.
  [
    'one changed endpoint',
    {
      work: { endpoints: 2, translated: 2, wire: 2, workloads: atMost(5), built: 1, facts: 1 },
      came: sent(1, 600, ...clusters),
    },
  ],
])('%s costs the same in a mesh of 50 services and in one of 500', (change, cost) => {
  const [small, large] = costs.map((ofSize) => ofSize[change]);
  expect(large).toEqual(small);
  expect(small).toEqual(cost);
});
