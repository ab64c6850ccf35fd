import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../src/proto/codec.ts';
import { ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { resourceOf } from '../../src/xds/json-resource.ts';
import {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  secretType,
  virtualHostType,
} from '../../src/xds/resource-types.ts';

const typed = (name: string, fields: object = {}) => ({ '@type': `type.googleapis.com/envoy.${name}`, ...fields });
const ads = { ads: {}, resourceApiVersion: 'V3' };
const cluster = (fields: object) => typed('config.cluster.v3.Cluster', { name: 'c', ...fields });
const namesOf = (json: object, typeUrl: string) =>
  resourceOf(json).references.flatMap((reference) => (reference.typeUrl === typeUrl ? [reference.name] : []));

test('a resource has the type, the name and the bytes of its JSON, whichever form field names have', () => {
  const made = resourceOf(cluster({ connect_timeout: '2s' }));
  expect([made.typeUrl, made.name, made.references, made.edsName]).toEqual([clusterType, 'c', [], undefined]);
  expect(decode(ClusterSchema, made.value).connectTimeout?.seconds).toBe(2n);
  expect(made.value).toEqual(encode(ClusterSchema, { name: 'c', connectTimeout: { seconds: 2n } }));
  expect(resourceOf(cluster({ connectTimeout: '2s' })).version).toBe(made.version);
  const assignment = resourceOf(typed('config.endpoint.v3.ClusterLoadAssignment', { cluster_name: 'e' }));
  expect([assignment.typeUrl, assignment.name]).toEqual([endpointType, 'e']);
});

test.each([
  [{ type: 'EDS', edsClusterConfig: { edsConfig: ads } }, 'c'],
  [{ type: 'EDS', edsClusterConfig: { edsConfig: ads, serviceName: 's' } }, 's'],
  [{ type: 'STATIC' }, undefined],
  [{}, undefined],
])('X95 the endpoints of %j are asked for as %s', (fields, edsName) => {
  expect(resourceOf(cluster(fields)).edsName).toBe(edsName);
});

test('section 5 point 1 routes refer to clusters: by name, by weight, as mirrors of a route, a host or all', () => {
  const split = {
    clusters: [
      { name: 'w1', weight: 1 },
      { name: 'w2', weight: 1 },
    ],
  };
  const routes = [
    { match: { prefix: '/a' }, route: { cluster: 'a', requestMirrorPolicies: [{ cluster: 'm1' }] } },
    { match: { prefix: '/b' }, route: { weightedClusters: split } },
    { match: { prefix: '/c' }, route: { clusterHeader: 'x-cluster' } },
    { match: { prefix: '/d' }, redirect: { hostRedirect: 'd' } },
    { match: { prefix: '/e' }, route: { cluster: 'a' } },
  ];
  const host = { name: 'h', domains: ['*'], routes, requestMirrorPolicies: [{ cluster: 'm2' }] };
  const json = typed('config.route.v3.RouteConfiguration', {
    name: 'r',
    virtualHosts: [host],
    requestMirrorPolicies: [{ cluster: 'm3' }],
  });
  expect(namesOf(json, clusterType)).toEqual(['a', 'm1', 'm2', 'm3', 'w1', 'w2']);
  const named = { name: 'r/h', aliases: ['r/h.example'] };
  const virtualHost = resourceOf(typed('config.route.v3.VirtualHost', host), named);
  expect(virtualHost).toMatchObject({ typeUrl: virtualHostType, ...named });
  expect(virtualHost.references.map(({ name }) => name)).toEqual(['a', 'm1', 'm2', 'w1', 'w2']);
});

test('section 5 point 1 listeners refer to routes, to clusters of TCP, and to secrets and filters that come over xDS', () => {
  const manager = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'http',
    rds: { routeConfigName: 'r', configSource: ads },
    httpFilters: [
      { name: 'later', configDiscovery: { configSource: ads, typeUrls: ['a/b'] } },
      { name: 'router', typedConfig: typed('extensions.filters.http.router.v3.Router') },
    ],
  });
  const tcp = (fields: object) =>
    typed('extensions.filters.network.tcp_proxy.v3.TcpProxy', { statPrefix: 'tcp', ...fields });
  const tls = typed('extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: 'key', sdsConfig: ads }, { name: 'of-bootstrap' }] },
  });
  const chain = (name: string, config: object, more: object = {}) => ({
    filters: [{ name, typedConfig: config }],
    ...more,
  });
  const json = typed('config.listener.v3.Listener', {
    name: 'l',
    filterChains: [
      chain('http', manager, { transportSocket: { name: 'tls', typedConfig: tls } }),
      chain('tcp', tcp({ cluster: 't' })),
      chain('tcp', tcp({ weightedClusters: { clusters: [{ name: 'u', weight: 1 }] } })),
    ],
  });
  expect(resourceOf(json).typeUrl).toBe(listenerType);
  expect([routeType, clusterType, secretType, extensionType].map((type) => namesOf(json, type))).toEqual([
    ['r'],
    ['t', 'u'],
    ['key'],
    ['later'],
  ]);
});

test('an API listener refers to its routes, a scope to its own', () => {
  const manager = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    rds: { routeConfigName: 'r', configSource: ads },
  });
  const json = typed('config.listener.v3.Listener', { name: 'l', apiListener: { apiListener: manager } });
  expect(namesOf(json, routeType)).toEqual(['r']);
  const scope = typed('config.route.v3.ScopedRouteConfiguration', {
    name: 's',
    routeConfigurationName: 'of-scope',
    key: { fragments: [{ stringKey: 'k' }] },
  });
  expect(namesOf(scope, routeType)).toEqual(['of-scope']);
});

test('what the options say goes before what is found', () => {
  const references = [{ typeUrl: clusterType, name: 'other' }];
  const json = cluster({ type: 'EDS', edsClusterConfig: { edsConfig: ads } });
  const made = resourceOf(json, { references, edsName: 'e', ttl: 1_500, aliases: ['d'] });
  expect(made).toMatchObject({ references, edsName: 'e', ttl: 1_500, aliases: ['d'] });
});

describe('X101 mistakes say the field', () => {
  test.each([
    [cluster({ connect_timeuot: '1s' }), {}, /Cluster at connect_timeuot: unknown field/],
    [cluster({ lbPolicy: 'ROUND' }), {}, /Cluster at lbPolicy: /],
    [
      typed('config.listener.v3.Listener', {
        name: 'l',
        filterChains: [{ filters: [{ typedConfig: typed('nope') }] }],
      }),
      {},
      /Listener at filterChains\[0\]\.filters\[0\]\.typedConfig\.@type: unknown type/,
    ],
    [typed('config.cluster.v3.Cluser'), {}, /envoy\.config\.cluster\.v3\.Cluser: unknown message type/],
    [typed('config.cluster.v3.Cluster'), {}, /Cluster at name: missing/],
    [typed('config.endpoint.v3.ClusterLoadAssignment'), {}, /ClusterLoadAssignment at cluster_name: missing/],
    [
      typed('config.route.v3.VirtualHost', { name: 'h', domains: ['*'] }),
      {},
      /VirtualHost at name: say in the options/,
    ],
    [cluster({}), { ttl: 0 }, /resourceOf: "options.ttl" must be a number of milliseconds above 0, got 0/],
    [{ name: 'c' }, {}, /Any at @type: missing/],
    [{ '@type': 'envoy.config.cluster.v3.Cluster', name: 'c' }, {}, /Any at @type: .* is no type URL/],
    ['text', {}, /a resource is an object/],
    [[], {}, /a resource is an object/],
    [null, {}, /a resource is an object/],
  ])('%j', (json, options, message) => {
    expect(() => resourceOf(json, options)).toThrow(message);
  });
});
