import { expect, test } from 'vitest';
import {
  clusterType,
  createLayer,
  createResource,
  endpointType,
  routeType,
  updateLayer,
} from '../../src/xds/library.ts';

const name = (order: string) => `xdstp://weft/shop/reviews?${order}`;
const [said, canonical] = [name('zone=a&env=prod'), name('env=prod&zone=a')];
const value = Buffer.of(10, 1, 97);

test('X84 whatever a resource says of names is said in their canonical form: its own, others, that of its endpoints', () => {
  const made = createResource({
    typeUrl: routeType,
    name: said,
    value,
    references: [
      { typeUrl: clusterType, name: said },
      { typeUrl: clusterType, name: 'plain?b&a' },
    ],
    edsName: said,
    aliases: [said],
  });
  expect(made).toMatchObject({
    name: canonical,
    references: [
      { typeUrl: clusterType, name: canonical },
      { typeUrl: clusterType, name: 'plain?b&a' },
    ],
    edsName: canonical,
    aliases: [canonical],
  });
});

test('X84 a resource is removed under its name in any order of the parameters', () => {
  const layer = createLayer([createResource({ typeUrl: endpointType, name: said, value })]);
  expect(updateLayer(layer, { remove: [{ typeUrl: endpointType, name: said }] }).types.size).toBe(0);
});

test('X84 who sets and removes a resource in one change is told so, whatever the order of the parameters', () => {
  const resource = createResource({ typeUrl: endpointType, name: said, value });
  const change = { set: [resource], remove: [{ typeUrl: endpointType, name: said }] };
  expect(() => updateLayer(createLayer([]), change)).toThrow(`${canonical} of type ${endpointType} stands in "set"`);
});
