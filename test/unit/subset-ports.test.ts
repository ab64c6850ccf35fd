import { expect, test } from 'vitest';
import { found, joined, networking, service, workload } from '../support/found-between.ts';

const versions = networking(
  'DestinationRule',
  'reviews',
  '{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }',
);
const member = (version: string, ports: readonly number[]) => {
  const made = joined(`reviews-${version}`, ports);
  return { ...made, labels: { ...made.labels, version } };
};
const said = (text: string, ...members: ReturnType<typeof member>[]) =>
  found(text, 'WEFT0175', 'shop', members).map(({ field, message }) => [field, message]);

test('WEFT0175 of a subset whose workloads have joined, and with ports that the service does not lead to', () => {
  const text = service(9081) + versions;
  expect(said(text, member('v1', [9081]), member('v2', [9082]))).toEqual([
    [
      'spec.subsets[1].labels',
      'subset "v2" selects no workload that serves a port of the service: reviews-v2.shop has port 9082',
    ],
  ]);
  expect(said(text, member('v1', [9081]), member('v2', []))[0]?.[1]).toContain('reviews-v2.shop has port none');
});

test('not of one that serves any, nor where nobody does, nor of who has not joined', () => {
  const text = service(9081) + versions;
  expect(said(text, member('v1', [9081]), member('v2', [9082, 9081]))).toEqual([]);
  // That is said of the port (WEFT0205).
  expect(said(text, member('v1', [9082]), member('v2', [9082]))).toEqual([]);
  const entry = workload().replace('app: reviews', 'app: reviews, version: v2');
  expect(said(text + entry, member('v1', [9081]))).toEqual([]);
});
