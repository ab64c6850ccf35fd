import { describe, expect, test } from 'vitest';
import { found, networking, security, service, told, workload } from '../support/found-between.ts';

/* What is not guarded: workloads without a policy, authorizers that let in or cannot be asked. */

const allow = (app: string, more = '') =>
  security('AuthorizationPolicy', `{ ${more}selector: { matchLabels: { app: ${app} } }, rules: [{}] }`);
const other = networking(
  'WorkloadEntry',
  'o1',
  '{ address: 10.0.0.9, labels: { app: others }, serviceAccount: others }',
);

describe('WEFT0155', () => {
  const base = service(9080) + workload() + other;

  test('a workload that no policy selects is told where others have one', () => {
    expect(told(base + allow('others'), 'WEFT0155')).toEqual([
      'info spec.selector: add a default-deny policy: an AuthorizationPolicy with spec: {} in namespace shop, and one that allows its callers',
    ]);
    expect(found(base + allow('others'), 'WEFT0155')[0]?.message).toBe(
      'r1.shop is covered by no authorization policy: whoever reaches it is let in',
    );
  });

  test('several workloads of a Service are one finding', () => {
    const second = networking(
      'WorkloadEntry',
      'r2',
      '{ address: 10.0.0.2, labels: { app: reviews }, serviceAccount: reviews }',
    );
    const [finding, ...more] = found(base + second + allow('others'), 'WEFT0155');
    expect(finding?.message).toContain('r1.shop and 1 more is covered');
    expect(more).toEqual([]);
  });

  test.each([
    ['a policy that selects it', allow('reviews')],
    ['a policy for the namespace', security('AuthorizationPolicy', '{}')],
    ['a policy that refuses', allow('reviews', 'action: DENY, ')],
    ['no policy in the whole mesh', ''],
  ])('nothing is said of %s', (_what, policy) => {
    expect(found(base + policy, 'WEFT0155')).toEqual([]);
  });

  test('what decides nothing covers nothing, and is no beginning, either', () => {
    const audit = allow('reviews', 'action: AUDIT, ');
    expect(found(base + audit, 'WEFT0155')).toEqual([]);
    expect(found(base + audit + allow('others').replace('name: x', 'name: y'), 'WEFT0155')).toHaveLength(1);
  });

  test('a workload without a proxy is nobody that could be covered', () => {
    const bare = networking('WorkloadEntry', 'r1', '{ address: 10.0.0.1, labels: { app: reviews } }');
    expect(found(service(9080) + bare + other + allow('others'), 'WEFT0155')).toEqual([]);
  });
});
