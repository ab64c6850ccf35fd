import { expect, test } from 'vitest';
import { provenanceReport } from '../../src/control-plane/provenance-report.ts';
import type { FieldContext } from '../../src/model/provenance-fields.ts';

const at = { file: 'policies/a.yaml', line: 3, column: 1, endLine: 3, endColumn: 9 };
const carrying = (fields: object) => ({ metadata: { filter_metadata: { 'weft.dev': fields } } });

test('every field that is held is told with its resource, part and context; what was refused is not held', () => {
  const asked: (FieldContext & { readonly ref: string; readonly field: string })[] = [];
  const rule = 'VirtualService/shop/reviews[canary]';
  const dump = {
    configs: [
      {
        '@type': 'RoutesConfigDump',
        dynamic_route_configs: [
          {
            route_config: {
              name: 'out_proxy',
              virtual_hosts: [
                {
                  name: 'out_shop_reviews_80',
                  routes: [
                    { name: rule, match: { headers: [{ name: 'x' }] }, ...carrying({ timeout: rule, route: rule }) },
                  ],
                },
              ],
            },
            error_state: { failed_configuration: { name: 'out_proxy', ...carrying({ never: rule }) } },
          },
        ],
      },
      {
        '@type': 'ClustersConfigDump',
        dynamic_active_clusters: [
          {
            cluster: {
              name: 'out_shop_reviews_80_v1',
              ...carrying({
                istio: 'outbound|80|v1|reviews',
                maxConnections: 'DestinationRule/shop/reviews',
                healthChecks: ['HealthCheck/shop/a', 'HealthCheck/shop/gone'],
              }),
            },
          },
        ],
      },
    ],
  };
  const items = provenanceReport(dump, (ref, field, context) => {
    asked.push({ ref, field, ...context });
    return ref.endsWith('gone') ? undefined : { ref, field: `spec.${field}`, at, commit: 'c1', now: 'same' };
  });
  const place = { file: 'policies/a.yaml', line: 3, column: 1, commit: 'c1', now: 'same' };
  const ofRoute = { resource: 'out_proxy', part: rule, ref: rule, ...place };
  const ofCluster = { resource: 'out_shop_reviews_80_v1' };
  expect(items).toEqual([
    { ...ofRoute, field: 'timeout', path: 'spec.timeout' },
    { ...ofRoute, field: 'route', path: 'spec.route' },
    {
      ...ofCluster,
      field: 'maxConnections',
      ref: 'DestinationRule/shop/reviews',
      path: 'spec.maxConnections',
      ...place,
    },
    { ...ofCluster, field: 'healthChecks', ref: 'HealthCheck/shop/a', path: 'spec.healthChecks', ...place },
    { ...ofCluster, field: 'healthChecks', ref: 'HealthCheck/shop/gone' },
  ]);
  expect(asked[0]).toMatchObject({ ref: 'VirtualService/shop/reviews', rule: 'canary', port: 80 });
  expect(asked[2]).toMatchObject({ port: 80, subset: 'v1' });
});
