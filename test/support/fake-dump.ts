import type { ConfigDump } from '../../src/admin/admin-source.ts';

const typePrefix = 'type.googleapis.com/envoy.admin.v3.';

/** A config dump of frontend-1: its local port of reviews, and a route of two weighted clusters. */
export function fakeDump(): ConfigDump {
  return {
    configs: [
      {
        '@type': `${typePrefix}ListenersConfigDump`,
        dynamic_listeners: [
          {
            name: 'out_21001',
            active_state: {
              version_info: 'a1',
              listener: {
                name: 'out_21001',
                address: { socket_address: { address: '127.0.0.1', port_value: 21_001 } },
              },
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}RoutesConfigDump`,
        dynamic_route_configs: [
          {
            version_info: 'a2',
            route_config: {
              name: 'reviews.shop_9080',
              virtual_hosts: [
                {
                  name: 'reviews.shop',
                  domains: ['reviews', 'reviews.shop'],
                  routes: [
                    {
                      name: 'Service/shop/reviews[canary]',
                      match: { prefix: '/', headers: [{ name: ':method', string_match: { exact: 'GET' } }] },
                      route: {
                        weighted_clusters: {
                          clusters: [
                            { name: 'reviews.shop_9080_v1', weight: 90 },
                            { name: 'reviews.shop_9080_v2', weight: 10 },
                          ],
                        },
                      },
                    },
                    { match: { path: '/old' }, redirect: { path_redirect: '/new' } },
                  ],
                },
              ],
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}ClustersConfigDump`,
        dynamic_active_clusters: [
          { version_info: 'a3', cluster: { name: 'reviews.shop_9080_v1', type: 'EDS', connect_timeout: '10s' } },
        ],
      },
      {
        '@type': `${typePrefix}EndpointsConfigDump`,
        dynamic_endpoint_configs: [
          {
            endpoint_config: {
              cluster_name: 'reviews.shop_9080_v1',
              endpoints: [
                {
                  lb_endpoints: [
                    {
                      health_status: 'HEALTHY',
                      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 19_081 } } },
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}SecretsConfigDump`,
        dynamic_active_secrets: [
          { name: 'default', version_info: 'a4', secret: { name: 'default', private_key: '[redacted]' } },
        ],
      },
    ],
  };
}
