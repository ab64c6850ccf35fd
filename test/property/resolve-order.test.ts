import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import type { SidecarListener } from '../../src/model/sidecar-policy.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  authorizationPolicy,
  destinationRule,
  endpoint,
  entry,
  healthCheck,
  httpMatch,
  identityOf,
  importedHosts,
  mesh,
  peerAuthentication,
  proxy,
  service,
  serviceObject,
  sidecar,
  to,
  virtualService,
} from '../support/resolve-values.ts';

const services = [service('shop/reviews'), service('shop/ratings'), service('bank/reviews'), entry('bank', 'a.x.com')];
const [reviewsOfShop] = services;

const namespace = fc.constantFrom('shop', 'bank', 'istio-system');
const host = fc.constantFrom('reviews', 'ratings', 'reviews.shop.svc.cluster.local', '*.x.com', '*.cluster.local');
const exportTo = fc.constantFrom(['*'], ['.'], ['shop'], ['bank', '.']);
const labels = fc.dictionary(fc.constantFrom('app', 'version', 'ring'), fc.constantFrom('reviews', 'v1', 'v2'), {
  maxKeys: 2,
});
const mode = fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE');

const imported = fc.subarray(['*/*', './*', 'bank/*', '~bank/*', '*/*.x.com', '*/reviews.shop.svc.cluster.local']);
const unknown = fc.constantFrom('ALLOW_ANY', 'REGISTRY_ONLY');
const listener: fc.Arbitrary<SidecarListener> = fc
  .tuple(fc.constantFrom(80, 9080), fc.constantFrom('http', 'tls', 'tcp'))
  .map(([port, protocol]) => ({ kind: 'port', port, protocol }));

/** Any set of objects, also those that the check would refuse: resolution must not depend on order even then (P51). */
const policies: fc.Arbitrary<readonly Policy[]> = fc
  .array(
    fc.oneof(
      fc.tuple(namespace, host, exportTo, labels, host).map(
        ([ns, name, to_, sourceLabels, target]) =>
          (id: string): Policy =>
            virtualService(`${ns}/${id}`, [name], [{ match: [httpMatch({ sourceLabels })], route: [to(target)] }], to_),
      ),
      fc.tuple(namespace, host, exportTo, fc.integer({ min: 1, max: 9 }), fc.boolean()).map(
        ([ns, name, to_, maxConnections, top]) =>
          (id: string): Policy =>
            destinationRule(`${ns}/${id}`, {
              host: name,
              exportTo: to_,
              ...(top && {
                trafficPolicy: {
                  connectionPool: { tcp: { maxConnections }, http: { h2Upgrade: maxConnections > 5 } },
                  portLevelSettings: [],
                },
              }),
              subsets: [{ name: `v${maxConnections}`, labels: { version: id } }],
            }),
      ),
      fc.tuple(namespace, host).map(
        ([ns, name]) =>
          (id: string): Policy =>
            healthCheck(`${ns}/${id}`, { host: name }),
      ),
      fc.tuple(namespace, labels, mode).map(
        ([ns, selector, value]) =>
          (id: string): Policy =>
            peerAuthentication(`${ns}/${id}`, { selector, mode: value, portLevelMtls: { 9080: value } }),
      ),
      fc.tuple(namespace, labels, fc.constantFrom('ALLOW', 'DENY')).map(
        ([ns, selector, action]) =>
          (id: string): Policy =>
            authorizationPolicy(`${ns}/${id}`, action, [{ from: [{ namespaces: [id] }] }], selector),
      ),
      fc
        .tuple(
          namespace,
          labels,
          imported,
          fc.option(listener, { nil: undefined }),
          fc.option(unknown, { nil: undefined }),
        )
        .map(
          ([ns, selector, hosts, at, outboundTrafficPolicy]) =>
            (id: string): Policy =>
              sidecar(`${ns}/${id}`, {
                ...(Object.keys(selector).length > 0 && { workloadSelector: selector }),
                ...(outboundTrafficPolicy && { outboundTrafficPolicy }),
                ...(hosts.length > 0 && {
                  egress: [
                    { hosts: importedHosts(...hosts), ...(at && { listener: at }) },
                    { hosts: importedHosts('./*') },
                  ],
                }),
                ingress: [{ port: 9080, connectionPool: { tcp: { maxConnections: id.length } } }],
              }),
        ),
      fc.tuple(namespace, labels, fc.constantFrom('http', 'grpc', 'tcp')).map(
        ([ns, selector, protocol]) =>
          (id: string): Policy =>
            serviceObject(`${ns}/${id}`, selector, [{ port: 9080, protocol, declared: true }]),
      ),
    ),
    { maxLength: 12 },
  )
  .map((makers) => makers.map((make, position) => make(`p${position}`)));

/** Everything that resolution says, from nothing remembered. */
function resolved(objects: readonly Policy[]) {
  const whole = mesh({
    services: services.map((each) => ({ ...each })),
    policies: objects,
    endpoints: {
      [reviewsOfShop?.key ?? '']: { 9080: [endpoint('reviews.shop', { identity: identityOf('shop', 'reviews') })] },
    },
  });
  const client = proxy('reviews.shop', { labels: { app: 'reviews', version: 'v1' } });
  const view = resolveView(whole, scopeOf(whole, client));
  const destinations = view.services.flatMap(({ ports }) => ports.flatMap((port) => port.destinations));
  return {
    view,
    inbound: resolveInbound(whole, client),
    sets: destinations.map((each) => resolveEndpoints(whole, each)),
  };
}

test('P51 the order of documents never changes the result', () => {
  fc.assert(
    fc.property(
      policies.chain((objects) =>
        fc.tuple(
          fc.constant(objects),
          fc.shuffledSubarray([...objects], { minLength: objects.length, maxLength: objects.length }),
        ),
      ),
      ([objects, shuffled]) => {
        expect(resolved(shuffled)).toEqual(resolved(objects));
      },
    ),
    { numRuns: 300 },
  );
});

test('P51 what was resolved before never changes the result', () => {
  fc.assert(
    fc.property(fc.array(policies, { minLength: 2, maxLength: 4 }), (history) => {
      const first = mesh({ services });
      const client = proxy('reviews.shop', { labels: { app: 'reviews', version: 'v1' } });
      for (const objects of history) {
        const whole = { ...first, policies: { commit: '4f1c2ab', objects } };
        const view = resolveView(whole, scopeOf(whole, client));
        const fresh = resolved(objects);
        const limits = ({ imports, listeners = [], unknownHosts }: typeof view) => ({
          imports,
          unknownHosts,
          listeners: listeners.map(({ targets, ...rest }) => ({
            ...rest,
            targets: targets.map(({ names, port: { destination } }) => ({ names, ref: destination.ref })),
          })),
        });
        expect(limits(view)).toEqual(limits(fresh.view));
        expect(view.services.map(({ names, ports }) => ({ names, routes: ports.map(({ routes }) => routes) }))).toEqual(
          fresh.view.services.map(({ names, ports }) => ({ names, routes: ports.map(({ routes }) => routes) })),
        );
        expect(resolveInbound(whole, client)).toEqual(fresh.inbound);
      }
    }),
    { numRuns: 150 },
  );
});

test('P4 no name stands twice in a view', () => {
  const some = fc.uniqueArray(
    fc.oneof(
      fc.tuple(namespace, fc.constantFrom('a', 'b', 'shop')).map(([ns, name]) => service(`${ns}/${name}`)),
      fc
        .tuple(
          namespace,
          fc.constantFrom('a', 'a.shop', 'a.shop.mesh', 'b.bank.svc', 'x.com'),
          fc.constantFrom('192.0.2.1', '192.0.2.2'),
        )
        .map(([ns, name, address]) => entry(ns, name, { addresses: [address] })),
    ),
    { selector: ({ key }) => key, maxLength: 12 },
  );
  fc.assert(
    fc.property(some, namespace, (list, client) => {
      const names = resolveView(mesh({ services: list }), { namespace: client, labels: {} }).services.flatMap(
        (each) => each.names,
      );
      expect(new Set(names).size).toBe(names.length);
    }),
  );
});
