import { create } from '@bufbuild/protobuf';
import { policyPlace } from '../../src/control-plane/policy-place.ts';
import type { ProxySession } from '../../src/control-plane/proxy-sessions.ts';
import type { Refusals } from '../../src/control-plane/refused-resources.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import type { QuarantineEntry } from '../../src/xds/quarantine.ts';
import { virtualHostType } from '../../src/xds/resource-types.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import type { StreamStatus, TypeStatus } from '../../src/xds/status.ts';
import { workload } from './registry-values.ts';
import { proxy } from './resolve-values.ts';
import { spineMesh, type Texts } from './spine-mesh.ts';

export const now = 1_000_000;
export const node = 'client-2.shop';
export const host = 'out_proxy/out_shop_reviews_80';
export const serviceText = `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`;
export const routeText = (timeout: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - { name: slow, timeout: ${timeout}, route: [{ destination: { host: reviews } }] }
`;
export const texts: Texts = { 'shop/reviews.yaml': serviceText, 'shop/routes.yaml': routeText('3s') };

/** One proxy of a mesh whose second commit changed a route, which another proxy refused. */
export function scene() {
  const spine = spineMesh({ texts, workloads: [workload('reviews-1', 'reviews', 20_000)] });
  const member = proxy(node, { capture: { bind: '127.0.0.1', ports: true } });
  const { snapshot } = spine.snapshots.hold(member);
  const layers = () => snapshot.get()?.layers ?? [];
  const wanted = (typeUrl: string, name: string) => {
    const resource = lookup(layers(), typeUrl, name);
    if (resource === undefined) throw new Error(`no ${name}`);
    return resource;
  };
  const good = wanted(virtualHostType, host).version;
  spine.serve(spine.parse({ ...texts, 'shop/routes.yaml': routeText('4s') }));
  const entry = (over: Partial<QuarantineEntry> = {}): QuarantineEntry => ({
    scope: 'view shop',
    agent: 'envoy 1.40.0',
    typeUrl: virtualHostType,
    name: host,
    version: wanted(virtualHostType, host).version,
    message: 'missing ): (',
    at: now - 5_000,
    node: 'client-1.shop',
    refusals: 1,
    everywhere: true,
    good,
    ...over,
  });
  const refusals = (...entries: readonly QuarantineEntry[]): Refusals => {
    const mesh = spine.mesh.get();
    return {
      entries,
      wanted: spine.snapshots.wanted,
      placeOf: (resource) => mesh && policyPlace(resource, mesh, ['c2', 'c1']),
    };
  };
  const type = (over: Partial<TypeStatus> = {}): TypeStatus => ({
    typeUrl: virtualHostType,
    wildcard: false,
    namesSubscribed: 1,
    namesDiffering: 0,
    awaitsFirstAnswer: false,
    isSubscribed: () => true,
    versionOf: () => undefined,
    heldResource: () => undefined,
    subscribed: [host],
    held: [{ name: host, version: good }],
    seen: layers(),
    differing: [{ name: host, version: good, owed: false }],
    nonce: 'n1',
    sentVersion: '1',
    sentAt: now - 9_000,
    ackedVersion: '1',
    ackedAt: now - 8_000,
    inFlightSince: undefined,
    owed: 0,
    error: undefined,
    ...over,
  });
  const stream = (...types: readonly TypeStatus[]): StreamStatus<JoinCredential> => ({
    id: 1,
    principal: { tokenId: 't', namespace: 'shop', serviceAccount: 'a', service: 'a' },
    node: create(NodeSchema, { id: node, userAgentName: 'envoy' }),
    peer: '127.0.0.1:1',
    variant: 'delta',
    openedAt: 0,
    types,
  });
  const session: ProxySession = {
    proxy: member,
    peer: '127.0.0.1:1',
    connectedAt: 0,
    inFlight: new Set(),
    acknowledgedCommit: 'c1',
    acknowledgedAfter: undefined,
    snapshot: () => spine.snapshots.of(member.id),
  };
  const context = (...entries: readonly QuarantineEntry[]) => {
    return { wanted: 'c2', replica: 'cp-1', now, refusals: refusals(...entries) };
  };
  return { spine, member, good, wanted, entry, refusals, type, stream, session, context };
}

export const place = {
  ref: 'VirtualService/shop/reviews',
  file: 'policies/shop/routes.yaml',
  line: 7,
  column: 7,
  commit: 'c2',
  field: 'spec.http[0]',
};
