import { expect, test } from 'vitest';
import { tokensName } from '../../src/translate/names.ts';
import { clusterType, extensionType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh } from '../support/spine-mesh.ts';

const texts = {
  'shop/web.yaml': `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec:
  hosts: [web]
  http:
    - match: [{ uri: { prefix: /m } }]
      route: [{ destination: { host: mir, port: { number: 9080 } } }]
      mirrors: [{ destination: { host: mir, port: { number: 9080 } } }]
    - route: [{ destination: { host: web } }]
`,
};

test('a route to a service whose last workload has left waits for no cluster and keeps none (X92), in the same bytes', () => {
  const mir = workload('mir-1', 'mir', 20_000);
  const spine = spineMesh({ texts, workloads: [mir] });
  const { snapshot } = spine.snapshots.hold(
    proxy('client-1.shop', { capture: { bind: '127.0.0.1', proxy: 15_001, ports: true } }),
  );
  const of = (typeUrl: string, name: string) => lookup(snapshot.get()?.layers ?? [], typeUrl, name);
  const [cluster] =
    of(virtualHostType, 'out_proxy/out_shop_web_80')?.references.filter(({ name }) => name.includes('mir')) ?? [];
  expect(cluster).toEqual({ typeUrl: clusterType, name: 'out_shop_mir_9080' });
  expect(of(clusterType, 'out_shop_mir_9080')).toBeDefined();
  const before = [of(virtualHostType, 'out_proxy/out_shop_web_80'), of(routeType, 'out_shop_web_80')];

  spine.register([]);
  expect(of(clusterType, 'out_shop_mir_9080')).toBeUndefined();
  const after = [of(virtualHostType, 'out_proxy/out_shop_web_80'), of(routeType, 'out_shop_web_80')];
  expect(after.map((each) => each?.version)).toEqual(before.map((each) => each?.version));
  expect(after.flatMap((each) => each?.references ?? []).filter(({ name }) => name.includes('mir'))).toEqual([]);

  spine.register([mir]);
  expect(of(virtualHostType, 'out_proxy/out_shop_web_80')?.references).toContainEqual(cluster);
});

const fetching = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: "https://accounts.example", jwksUri: "http://keys/jwks" }] }
`;
const keys = `apiVersion: v1
kind: Service
metadata: { name: keys, namespace: shop }
spec: { selector: { app: keys }, ports: [{ name: http, port: 80 }] }
`;

test.each([
  ['has left git', fetching],
  ['has that port no more', `${keys.replace('port: 80', 'port: 81')}---\n${fetching}`],
])('a filter that asks for keys where the service %s keeps no cluster (X92), in the same bytes', (_what, later) => {
  const spine = spineMesh({ texts: { 'shop/tokens.yaml': `${keys}---\n${fetching}` }, workloads: [] });
  const { snapshot } = spine.snapshots.hold(
    proxy('client-1.shop', { ports: [{ port: 9080, protocol: 'http', inbound: 19_000 }] }),
  );
  const of = (typeUrl: string, name: string) => lookup(snapshot.get()?.layers ?? [], typeUrl, name);
  const before = of(extensionType, tokensName);
  expect(before?.references).toContainEqual({ typeUrl: clusterType, name: 'out_shop_keys_80' });
  expect(of(clusterType, 'out_shop_keys_80')).toBeDefined();

  spine.serve(spine.parse({ 'shop/tokens.yaml': later }));
  expect(of(clusterType, 'out_shop_keys_80')).toBeUndefined();
  expect(of(extensionType, tokensName)?.version).toBe(before?.version);
  expect(of(extensionType, tokensName)?.references).toEqual([]);
});
