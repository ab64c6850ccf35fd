import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DestinationRef } from '../../src/model/ir-destination.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import {
  clusterName,
  destinationOfCluster,
  inboundName,
  proxyName,
  servicePortName,
  unknownHostsName,
} from '../../src/translate/names.ts';

/** A `v1/Service`, whose name is short, or a host of a ServiceEntry, whose name is the host. */
function ref(
  namespace: string,
  name: string,
  kind: 'service' | 'entry',
  port: number,
  subset?: string,
): DestinationRef {
  const host = kind === 'service' ? `${name}.${namespace}.svc.cluster.local` : name;
  const service = serviceKeyOf(namespace, host);
  return { service, namespace, name, host, port, ...(subset === undefined ? {} : { subset }) };
}

const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/);
const host = fc.oneof(
  label,
  fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
  label.map((text) => `*.${text}`),
  label.map((text) => `${text}_${text}`),
);
const subset = fc.option(fc.oneof(label, fc.stringMatching(/^[A-Za-z0-9_.=~-]{1,8}$/)), { nil: undefined });
const port = fc.integer({ min: 1, max: 65535 });
const anyRef = fc.oneof(
  fc.tuple(label, label, port, subset).map(([space, name, number, part]) => ref(space, name, 'service', number, part)),
  fc.tuple(label, host, port, subset).map(([space, name, number, part]) => ref(space, name, 'entry', number, part)),
);

describe('Envoy names (P25)', () => {
  test('different (namespace, host, port, subset) never share a name; names hold no dots, colons or spaces', () => {
    const key = ({ namespace, host: full, port: number, subset: part }: DestinationRef) =>
      JSON.stringify([namespace, full, number, part]);
    fc.assert(
      fc.property(anyRef, anyRef, (left, right) => {
        expect(clusterName(left) === clusterName(right)).toBe(key(left) === key(right));
        expect(clusterName(left)).toMatch(/^[A-Za-z0-9_~=-]+$/);
        expect([proxyName, unknownHostsName]).not.toContain(clusterName(left));
      }),
      { numRuns: 2_000 },
    );
  });

  test('a name can be read back', () => {
    fc.assert(
      fc.property(anyRef, (each) => {
        const { namespace, name, port: number, subset: part } = each;
        expect(destinationOfCluster(clusterName(each))).toMatchObject({
          namespace,
          service: name,
          port: number,
          ...(part === undefined ? {} : { subset: part }),
        });
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    [ref('shop', 'reviews', 'service', 9080), 'out_shop_reviews_9080', 'reviews.shop:9080'],
    [ref('shop', 'reviews', 'service', 9080, 'v1'), 'out_shop_reviews_9080_v1', 'reviews.shop:9080 v1'],
    [ref('shop', 'api.example.com', 'entry', 443), 'out_shop_api~example~com_443', 'api.example.com:443'],
    [ref('shop', '*.example.com', 'entry', 443), 'out_shop_=2a=~example~com_443', '*.example.com:443'],
    [ref('shop', 'reviews', 'entry', 9080), 'out_shop_==reviews_9080', 'reviews:9080'],
    [ref('shop', 'db_main', 'entry', 1), 'out_shop_==db=5f=main_1', 'db_main:1'],
  ])('%o is %s', (destination, name, text) => {
    expect(clusterName(destination)).toBe(name);
    expect(destinationOfCluster(name)?.text).toBe(text);
  });

  test('a service port has no subset in its name', () => {
    expect(servicePortName(ref('shop', 'reviews', 'service', 9080, 'v1'))).toBe('out_shop_reviews_9080');
  });

  test('other names are not destinations', () => {
    for (const name of ['in_9080', 'out_proxy', 'out_unknown', 'xds', '', 'out_a_b_c', 'out_a_b_1_c_d'])
      expect(destinationOfCluster(name)).toBeUndefined();
  });

  test('inbound names', () => {
    expect(inboundName(9080)).toBe('in_9080');
  });
});
