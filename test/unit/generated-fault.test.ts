import { expect, test } from 'vitest';
import { configurationBudget, configurationCost, isBeyondBudget } from '../../src/control-plane/configuration-cost.ts';
import { encode } from '../../src/proto/codec.ts';
import { ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { generatedFault, generatedRefusal } from '../../src/translate/generated-fault.ts';
import { createLayer } from '../../src/xds/layer.ts';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';

const cluster = (name: string, connectTimeout = 1n) =>
  createResource({
    typeUrl: clusterType,
    name,
    value: encode(ClusterSchema, { name, connectTimeout: { seconds: connectTimeout } }),
    references: [],
  });
const big = (name: string, bytes: number) =>
  createResource({ typeUrl: endpointType, name, value: new Uint8Array(bytes), references: [] });

test('WEFT0601 names the resource, the place in it and the rule of Envoy', () => {
  expect(generatedFault(cluster('good'))).toBeUndefined();
  const broken = cluster('bad', 0n);
  const text = 'generated Cluster "bad" is invalid: connectTimeout must be more than 0s';
  expect(generatedFault(broken)).toEqual({ text, path: 'connectTimeout' });
  expect(generatedFault(broken)).toBe(generatedFault(broken));
  expect([cluster('good'), broken].map(generatedRefusal)).toEqual([undefined, `${text} (WEFT0601)`]);
});

test('WEFT0501 counts clusters and bytes of all layers, and begins beyond the budget', () => {
  const { clusters, bytes } = configurationBudget;
  const many = createLayer(Array.from({ length: clusters }, (_, index) => cluster(`c${index}`)));
  const one = createLayer([cluster('own')]);
  expect(configurationCost([many]).clusters).toBe(clusters);
  expect([[many], [many, one]].map((layers) => isBeyondBudget(configurationCost(layers)))).toEqual([false, true]);
  const full = createLayer([big('a', bytes)]);
  const more = createLayer([big('b', 1)]);
  expect(configurationCost([full, more])).toEqual({ clusters: 0, bytes: bytes + 1 });
  expect([[full], [full, more]].map((layers) => isBeyondBudget(configurationCost(layers)))).toEqual([false, true]);
});
