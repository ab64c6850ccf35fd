import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DescField, getOption, hasOption } from '@bufbuild/protobuf';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { afterAll, describe, expect, it } from 'vitest';
import { brokenRules } from '../../src/proto/broken-rules.ts';
import { fromCanonicalJson } from '../../src/proto/canonical-json.ts';
import { decode, encode } from '../../src/proto/codec.ts';
import { rules } from '../../src/proto/gen/validate/validate_pb.ts';
import { registry, schemaOf } from '../../src/proto/registry.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { goldenResources } from '../support/golden-resources.ts';
import { selfSigned } from '../support/self-signed.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cluster = 'envoy.config.cluster.v3.Cluster';
const routes = 'envoy.config.route.v3.RouteConfiguration';

const oneRoute = (route: object) => ({
  name: 'r',
  virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
});
const toCluster = (action: object) => oneRoute({ route: { cluster: 'c', ...action } });
const address = { socket_address: { address: '127.0.0.1', port_value: 80 } };

/** One resource that breaks one rule: where, and what is said of it. */
const broken: readonly (readonly [string, string, object, string, RegExp])[] = [
  ['no name', cluster, { type: 'STATIC' }, 'name', /at least 1 characters/],
  ['a limit below its bound', cluster, { name: 'c', connect_timeout: '0s' }, 'connectTimeout', /more than 0s/],
  [
    'a size above its bound',
    cluster,
    { name: 'c', lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: '9000000' } },
    'ringHashLbConfig.minimumRingSize',
    /at most 8388608/,
  ],
  [
    'a share above 100',
    cluster,
    { name: 'c', outlier_detection: { max_ejection_percent: 101 } },
    'outlierDetection.maxEjectionPercent',
    /at most 100/,
  ],
  [
    'an unknown value of an enumeration',
    cluster,
    { name: 'c', lb_policy: 77 },
    'lbPolicy',
    /value of Cluster_LbPolicy|LbPolicy/,
  ],
  [
    'a port that there is not',
    cluster,
    {
      name: 'c',
      load_assignment: {
        cluster_name: 'c',
        endpoints: [
          {
            lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 70_000 } } } }],
          },
        ],
      },
    },
    'loadAssignment.endpoints[0].lbEndpoints[0].endpoint.address.socketAddress.portValue',
    /at most 65535/,
  ],
  [
    'no address',
    cluster,
    {
      name: 'c',
      load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [{ endpoint: { address: {} } }] }] },
    },
    'loadAssignment.endpoints[0].lbEndpoints[0].endpoint.address',
    /choose one of address/,
  ],
  [
    'a virtual host without domains',
    routes,
    { name: 'r', virtual_hosts: [{ name: 'v', domains: [] }] },
    'virtualHosts[0].domains',
    /at least 1 entries/,
  ],
  [
    'a route without a match',
    routes,
    { name: 'r', virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ route: { cluster: 'c' } }] }] },
    'virtualHosts[0].routes[0].match',
    /must be there/,
  ],
  ['a route that does nothing', routes, oneRoute({}), 'virtualHosts[0].routes[0]', /choose one of action/],
  [
    'a header that is none',
    routes,
    toCluster({ host_rewrite_header: 'a\nb' }),
    'virtualHosts[0].routes[0].route.hostRewriteHeader',
    /NUL, CR or LF/,
  ],
  [
    'an answer of no status',
    routes,
    oneRoute({ direct_response: { status: 1000 } }),
    'virtualHosts[0].routes[0].directResponse.status',
    /less than 600/,
  ],
  [
    'weighted clusters without one',
    routes,
    oneRoute({ route: { weighted_clusters: { clusters: [] } } }),
    'virtualHosts[0].routes[0].route.weightedClusters.clusters',
    /at least 1 entries/,
  ],
];

const bodies: Record<string, (json: object) => object> = {
  [cluster]: (json) => ({ static_resources: { clusters: [json] } }),
  [routes]: (json) => ({
    static_resources: {
      clusters: [{ name: 'c', connect_timeout: '1s', type: 'STATIC' }],
      listeners: [
        {
          name: 'l',
          address,
          filter_chains: [
            {
              filters: [
                {
                  name: 'h',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'h',
                    route_config: json,
                    http_filters: [
                      {
                        name: 'router',
                        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  }),
};

describe('WEFT0601 what breaks the rules of Envoy is found before Envoy sees it', () => {
  it.each(broken)('%s', async (name, type, json, path, rule) => {
    const schema = schemaOf(type);
    const message = decode(schema, encode(schema, fromCanonicalJson(schema, JSON.parse(JSON.stringify(json)))));
    expect(brokenRules(schema, message)).toEqual([
      { path, message: expect.any(String), rule: expect.stringMatching(rule) },
    ]);
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(bodies[type]?.(json)));
    const envoy = spawnSync(await envoyPath(), ['--mode', 'validate', '-c', file], { encoding: 'utf8' });
    expect(envoy.status).not.toBe(0);
    expect(envoy.stderr).toMatch(/Proto constraint validation failed/);
  });

  it('nothing that the golden cases generate breaks any', () => {
    const { certificate, key } = selfSigned('golden');
    const material = { certificateChain: certificate, privateKey: key, bundle: [certificate] };
    for (const [name, resources] of goldenResources(material))
      for (const { typeUrl, value } of resources) {
        const schema = schemaOf(typeUrl);
        expect([name, ...brokenRules(schema, decode(schema, value))]).toEqual([name]);
      }
  });

  it('every kind of rule that stands in the protos is understood', () => {
    const kinds = new Set<string>();
    const look = (field: DescField): void => {
      const type = hasOption(field, rules) ? getOption(field, rules).type : undefined;
      if (type?.case === undefined) return;
      kinds.add(type.case);
      if (type.case === 'repeated' && type.value.items?.type.case) kinds.add(type.value.items.type.case);
    };
    for (const schema of registry)
      if (schema.kind === 'message' && !isWrapperDesc(schema)) for (const field of schema.fields) look(field);
    kinds.delete('repeated');
    kinds.delete('map');
    const understood = ['any', 'bool', 'bytes', 'double', 'duration', 'enum', 'int32', 'string', 'uint32', 'uint64'];
    expect([...kinds].sort()).toEqual(understood);
  });
});
