import { describe, expect, test } from 'vitest';
import type { Labels, Policy } from '../../src/model/policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  destinationOf,
  destinationRule,
  identityOf,
  mesh,
  service,
  settings,
  workload,
} from '../support/resolve-values.ts';

const services = [service('shop/reviews')];

/** A rule that tells itself by a number. */
function rule(id: string, maxConnections: number, workloadSelector?: Labels, host = 'reviews.shop.svc.cluster.local') {
  return destinationRule(id, {
    host,
    ...(workloadSelector && { workloadSelector }),
    trafficPolicy: { connectionPool: { tcp: { maxConnections } }, portLevelSettings: [] },
  });
}

/** The number of the rule that acts for a client; 2^32 - 1: none. */
function acting(policies: readonly Policy[], namespace: string, labels: Labels): number {
  const whole = mesh({ services, policies });
  const view = resolveView(whole, scopeOf(whole, { namespace, labels }));
  return destinationOf(view, 'shop/reviews').pool.maxConnections.value;
}

const none = 2 ** 32 - 1;
const blue = { app: 'a', ring: 'blue' };
const green = { app: 'a', ring: 'green' };

describe('P21 a DestinationRule with a selector', () => {
  test.each<[string, readonly Policy[], string, Labels, number]>([
    ['acts for clients that have its labels', [rule('shop/a', 1, { ring: 'blue' })], 'shop', blue, 1],
    ['is absent for others', [rule('shop/a', 1, { ring: 'blue' })], 'shop', green, none],
    ['goes before one without', [rule('shop/a', 1), rule('shop/b', 2, { ring: 'blue' })], 'shop', blue, 2],
    ['leaves others to the one without', [rule('shop/a', 1), rule('shop/b', 2, { ring: 'blue' })], 'shop', green, 1],
    ['is for its own namespace', [rule('shop/a', 1, { ring: 'blue' })], 'bank', blue, none],
    [
      'of the client’s namespace ends the search',
      [rule('bank/a', 1, { ring: 'blue' }), rule('shop/a', 2)],
      'bank',
      blue,
      1,
    ],
    ['that is absent does not end it', [rule('bank/a', 1, { ring: 'blue' }), rule('shop/a', 2)], 'bank', green, 2],
    ['of the root namespace is for clients of that', [rule('istio-system/a', 1, { ring: 'blue' })], 'shop', blue, none],
    ['without labels is for all of its namespace', [rule('shop/a', 1, {}), rule('shop/b', 2)], 'shop', green, 1],
    [
      'does not go before a more specific host',
      [rule('shop/a', 1, { ring: 'blue' }, '*.shop.svc.cluster.local'), rule('shop/b', 2)],
      'shop',
      blue,
      2,
    ],
    [
      'that is absent leaves wider hosts',
      [rule('shop/a', 1, { ring: 'blue' }), rule('shop/b', 2, undefined, '*.shop.svc.cluster.local')],
      'shop',
      green,
      2,
    ],
  ])('%s', (_what, policies, namespace, labels, expected) => {
    expect(acting(policies, namespace, labels)).toBe(expected);
    expect(acting([...policies].reverse(), namespace, labels)).toBe(expected);
  });

  test('splits views by its labels, and only in its namespace', () => {
    const whole = mesh({ services, policies: [rule('shop/a', 1, { ring: 'blue' })] });
    const views = (namespace: string) => {
      const before = resolveCounters.views;
      for (const labels of [blue, green, { app: 'b', ring: 'blue' }])
        resolveView(whole, scopeOf(whole, { namespace, labels }));
      return resolveCounters.views - before;
    };
    expect(views('shop')).toBe(2);
    expect(views('bank')).toBe(1);
  });
});

describe('what is said of it', () => {
  const yaml = (name: string, selector: string, rest = '') => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: reviews, workloadSelector: ${selector}, trafficPolicy: { loadBalancer: { simple: RANDOM } }${rest} }
`;
  const codes = (...documents: readonly string[]) => {
    const { objects, diagnostics } = parsePolicies(
      documents.map((text, index) => ({ path: `policies/shop/${index}.yaml`, text })),
      { commit: 'c', rootNamespace: 'istio-system', folders: 'namespace' },
    );
    const workloads = [workload('a.shop', { labels: blue, identity: identityOf('shop', 'a') })];
    return [...diagnostics, ...checkReferences(objects, services, workloads, settings)].map(
      ({ code, field }) => `${code} ${field}`,
    );
  };

  test.each<[string, readonly string[], readonly string[]]>([
    ['nothing', [yaml('a', '{ matchLabels: { ring: blue } }')], []],
    [
      'one of each does not overlap',
      [
        yaml('a', '{ matchLabels: { ring: blue } }'),
        yaml('b', '{ matchLabels: { ring: blue } }').replace('workloadSelector: { matchLabels: { ring: blue } }, ', ''),
      ],
      [],
    ],
    [
      'equal selectors do (P22)',
      [yaml('a', '{ matchLabels: { ring: blue } }'), yaml('b', '{ matchLabels: { ring: blue } }')],
      ['WEFT0181 spec.trafficPolicy'],
    ],
    [
      'so do two that meet on a client',
      [yaml('a', '{ matchLabels: { ring: blue } }'), yaml('b', '{ matchLabels: { app: a } }')],
      ['WEFT0181 spec.workloadSelector'],
    ],
    ['nobody has the labels', [yaml('a', '{ matchLabels: { ring: red } }')], ['WEFT0127 spec.workloadSelector']],
    [
      'exported to everybody',
      [yaml('a', '{ matchLabels: { ring: blue } }', ', exportTo: ["*"]')],
      ['WEFT0002 spec.exportTo[0]'],
    ],
    ['exported to its own', [yaml('a', '{ matchLabels: { ring: blue } }', ', exportTo: [shop]')], []],
  ])('%s', (_what, documents, expected) => {
    expect(codes(...documents)).toEqual(expected);
  });
});
