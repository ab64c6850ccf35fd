import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { conditionKeys } from '../../src/policy/kinds/authorization-values.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** Codes, fields and hints of one condition. */
function told(key: string, values: string): readonly (readonly [string, string | undefined, string])[] {
  const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: a }
spec: { rules: [{ when: [{ key: "${key}", values: [${values}] }] }] }
`;
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  // Who may say a remote address is another question.
  const ofKeys = diagnostics.filter(({ code }) => code !== 'WEFT0176');
  return ofKeys.map(({ code, field, message }) => [code, field, message]);
}

/** Of each key a value that it takes, and one that it does not; undefined: it takes any text. */
const values: Readonly<Record<string, readonly [good: string, bad: string | undefined]>> = {
  'source.ip': ['10.0.0.0/8', 'ten'],
  'source.namespace': ['shop', undefined],
  'source.serviceAccount': ['shop/frontend', 'a/b/c'],
  'source.trustDomain': ['demo.mesh', 'a/b'],
  'source.principal': ['cluster.local/ns/shop/sa/a', 'frontend'],
  'remote.ip': ['"2001:db8::/32"', '10.0.0.0/33'],
  'destination.ip': ['10.0.0.1', '10.0.0'],
  'destination.port': ['"80"', '"70000"'],
  'connection.sni': ['www.example', undefined],
  'request.auth.principal': ['https://a.example/ann', undefined],
  'request.auth.audiences': ['books', undefined],
  'request.auth.presenter': ['web', undefined],
  'request.auth.claims[name]': ['a', undefined],
  'request.headers[name]': ['a', undefined],
};
const at = 'spec.rules[0].when[0]';

describe('keys of when (section 3.4): each is accepted or refused by name', () => {
  test('the list is the whole list, and that of the support page', () => {
    expect(Object.keys(values)).toEqual(conditionKeys);
    const page = readFileSync(new URL('../../docs/support.md', import.meta.url), 'utf8');
    expect(page).toContain(`| \`rules[].when\` | principals and permissions of RBAC, by ${conditionKeys.join(', ')} |`);
  });

  test.each(Object.entries(values))('%s', (key, [good, bad]) => {
    expect(told(key, good)).toEqual([]);
    if (bad === undefined) return;
    const codes = told(key, bad).map(([code, field]) => [code, field]);
    expect(codes).toEqual([[key === 'source.principal' ? 'WEFT0158' : 'WEFT0002', `${at}.values[0]`]]);
  });

  test.each([['experimental.envoy.filters.network.x[a]', 'T2']])(
    '%s is refused by name (WEFT0004, %s)',
    (key, tier) => {
      expect(told(key, 'a')).toEqual([
        ['WEFT0004', `${at}.key`, `${JSON.stringify(key)} is valid in Istio but not supported by Weft (${tier})`],
      ]);
    },
  );

  test.each([
    'source.user',
    'request.header[a]',
    'request.headers',
    'request.headers[]',
    'request.auth.claims',
    'request.auth.claims[]',
    'request.auth.claims[a]b',
    'request.auth.subject',
    'destination.labels[app]',
    '',
  ])('no key of Istio: %j (WEFT0002)', (key) => expect(told(key, 'a').map(([code]) => code)).toEqual(['WEFT0002']));
});
