import { patternRule } from './rule-definition.ts';

const long = 'a'.repeat(64);

/** Names of objects, labels and namespaces, as Kubernetes and Istio write them. */
export const nameRules = {
  label: patternRule(
    'lower-case letters, digits and "-", at most 63',
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    ['a', 'reviews-v1', '9'],
    ['Reviews', '-a', 'a-', 'a.b', 'a_b', long],
  ),
  // Istio takes capitals where Kubernetes would not.
  'any-case-label': patternRule(
    'letters, digits and "-", at most 63',
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    ['a', 'HTTPS', 'reviews-v1'],
    ['-a', 'a-', 'a.b', 'a_b', long],
  ),
  // A name of a port as a key: Istio's limit is one less there.
  'port-key': patternRule(
    'letters, digits and "-", at most 62',
    /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,60}[A-Za-z0-9])?$/,
    ['http', 'HTTPS', 'a'.repeat(62)],
    ['-a', 'a_b', 'a.b', 'a'.repeat(63)],
  ),
  name: patternRule(
    'lower-case letters, digits, "-" and "."',
    /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
    ['a', 'reviews.v1', long],
    ['A', '.a', 'a_b', 'a/b', 'a'.repeat(254)],
  ),
  'label-key': patternRule(
    'a label name: letters, digits, "-", "_", "." and at most one prefix with "/"',
    /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/,
    ['app', 'security.istio.io/tlsMode', 'A_b.c'],
    ['/a', 'a/', 'a/b/c', 'a*', 'a b', '-a', long],
  ),
  'label-value': patternRule(
    'a label value: at most 63 letters, digits, "-", "_" and "."',
    /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/,
    ['v1', 'A_b.c-9'],
    ['a b', 'b*', '-a', 'a/b', long],
  ),
  'export-to': patternRule(
    '"*", "." or a namespace',
    /^(?:[*.~]|[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)$/,
    ['*', '.', '~', 'shop', 'Shop'],
    ['**', 'shop/*', 'a.b', '..'],
  ),
  'api-group': patternRule(
    'the group of an API',
    /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
    ['gateway.networking.k8s.io', 'core'],
    ['A.b', 'a..b', 'a/b', '.a'],
  ),
  'api-kind': patternRule(
    'a kind',
    /^[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/,
    ['Gateway', 'Service'],
    ['1a', 'a_b', 'a-', 'a/b'],
  ),
  sha256: patternRule(
    '64 hexadecimal digits in lower case',
    /^[0-9a-f]{64}$/,
    ['0123456789abcdef'.repeat(4)],
    ['0123', 'ABCDEF0123456789'.repeat(4), 'g'.repeat(64)],
  ),
  'trust-domain-pattern': patternRule(
    'a trust domain, perhaps with one star at its beginning or its end',
    /^(?:\*?[^*/]*|[^*/]+\*)$/,
    ['corp.example', '*', '*.example', 'corp*'],
    ['**', '*a*', 'a*b', 'a/b', 'spiffe://a'],
  ),
  // For values whose stars would mean nothing.
  'no-star': patternRule('no stars', /^[^*]*$/, ['a', 'shop/a'], ['*', 'a*', '*a']),
} as const;
