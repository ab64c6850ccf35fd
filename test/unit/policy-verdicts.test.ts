import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** The errors of one object in the namespace default, as `CODE field`. */
function errorsOf(kind: string, spec: object): readonly string[] {
  const group = kind === 'AuthorizationPolicy' ? 'security' : 'networking';
  const document = { apiVersion: `${group}.istio.io/v1`, kind, metadata: { name: 'x' }, spec };
  const file =
    kind === 'MeshConfig'
      ? { path: 'policies/meshconfig.yaml', text: JSON.stringify(spec) }
      : { path: 'policies/x.json', text: JSON.stringify(document) };
  return parsePolicies([file], { commit: 'x', rootNamespace: 'istio-system', folders: 'free' })
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ code, field }) => `${code} ${field}`);
}

type Case = readonly [kind: string, spec: object];

const to = { route: [{ destination: { host: 'a.b' } }] };
const rule = (http: object): Case => ['VirtualService', { hosts: ['a.b'], http: [http] }];
const policy = (traffic: object): Case => ['DestinationRule', { host: 'a.b', trafficPolicy: traffic }];
const entry = (spec: object): Case => ['ServiceEntry', { hosts: ['a.b'], ...spec }];
const workload = (spec: object): Case => ['WorkloadEntry', { address: '10.0.0.1', ...spec }];
const from = (source: object): Case => ['AuthorizationPolicy', { rules: [{ from: [{ source }] }] }];
const paths = (...all: readonly string[]): Case => [
  'AuthorizationPolicy',
  { rules: [{ to: [{ operation: { paths: all } }] }] },
];
const when = (key: string, ...values: readonly string[]): Case => [
  'AuthorizationPolicy',
  { rules: [{ when: [{ key, values }] }] },
];
const set = (request: object): Case => rule({ headers: { request }, ...to });
const match = (condition: object): Case => rule({ match: [condition], ...to });
const probe = (...httpHeaders: readonly object[]): Case => [
  'WorkloadGroup',
  { template: {}, probe: { httpGet: { port: 80, httpHeaders } } },
];

/** Each was given to Istio's own validator and to the schema of its CRDs (2026-08), which said the same as the heading. */
describe('as strict as Istio, where that is not obvious', () => {
  test.each<Case>([
    ['VirtualService', { hosts: ['a.b'], http: [{ route: [{ destination: { host: '10.0.0.1' } }] }] }],
    ['VirtualService', { hosts: ['a.b'], tcp: [{ route: [{ destination: { host: 'fd00::1' } }] }] }],
    rule({ mirrors: [{ destination: { host: '10.0.0.1' } }], ...to }),
    ['DestinationRule', { host: '10.0.0.1' }],
    ['ServiceEntry', { hosts: ['10.0.0.1'] }],
    entry({ ports: [{ number: 80, name: 'http', targetPort: 0 }] }),
    workload({ ports: { ['a'.repeat(63)]: 80 } }),
    workload({ ports: { a_b: 80 } }),
    set({ set: { host: 'a', ':authority': 'b' } }),
    set({ set: { host: 'a' }, add: { Host: 'b' } }),
    set({ set: { ':x': '' } }),
    match({ headers: { ':protocol': { exact: 'x' } } }),
    match({ withoutHeaders: { ':x': {} } }),
    rule({ redirect: { uri: '/x', redirectCode: 1 } }),
    rule({ redirect: { scheme: '' } }),
    rule({ directResponse: { status: 200, body: { bytes: '' } } }),
    rule({ directResponse: { status: 200, body: { bytes: 'YWI' } } }),
    rule({ directResponse: { status: 200, body: { bytes: 'YW-_' } } }),
    policy({ outlierDetection: { consecutiveErrors: 2 ** 31 } }),
    policy({ portLevelSettings: [] }),
    from({ trustDomains: ['a/b'] }),
    from({ trustDomains: ['**'] }),
    from({ notTrustDomains: ['a*b'] }),
    when('source.trustDomain', 'a/b'),
    paths('/a{2}'),
    paths('/a/{*}*'),
    paths('/a*/{*}'),
    paths('/a/{**}/{*}'),
    paths('/{**}/a/{**}'),
    paths('/a/{x}'),
    probe({}),
    probe({ name: 'a_b' }),
    ['MeshConfig', { trustDomain: 'a_b' }],
    ['MeshConfig', { trustDomainAliases: ['a'.repeat(64)] }],
  ])('refuses %s %j', (kind, spec) => {
    const errors = errorsOf(kind, spec);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.filter((error) => error.startsWith('WEFT0004'))).toEqual([]);
  });

  test.each<Case>([
    ['VirtualService', { hosts: ['10.0.0.1'], http: [to] }],
    ['VirtualService', { hosts: ['a.b'], exportTo: ['Shop'], http: [to] }],
    rule({ route: [{ destination: { host: 'a.b', subset: 'V1' } }] }),
    ['DestinationRule', { host: 'a.b', subsets: [{ name: 'V1' }] }],
    ['ServiceEntry', { hosts: ['a.b', 'a.b'] }],
    entry({ ports: [{ number: 443, name: 'HTTPS', protocol: 'HTTPS' }] }),
    workload({ ports: { ['A'.repeat(62)]: 80 } }),
    set({ set: { 'x-a': '', host: '' } }),
    set({ set: { host: '' }, add: { host: 'b' } }),
    match({ headers: { 'a_b.c': { exact: '' } } }),
    rule({ redirect: { uri: '/x', redirectCode: 0, scheme: '' } }),
    rule({ directResponse: { status: 200, body: { bytes: 'YW==' } } }),
    ['VirtualService', { hosts: ['a.b'], tcp: [{ match: [{ sourceNamespace: '' }], ...to }] }],
    ['VirtualService', { hosts: ['a.b'], tcp: [{ match: [{ sourceNamespace: 'Shop' }], ...to }] }],
    policy({ portLevelSettings: [], tls: { mode: 'DISABLE' } }),
    policy({ outlierDetection: { consecutiveErrors: 2 ** 31 - 1 } }),
    from({ trustDomains: ['*.example', 'corp*', '*'] }),
    paths('/a*b'),
    paths('/a/{*}/b'),
    paths('/{*}/{*}/a/{**}'),
    paths('/a/{**}/b/c'),
    paths('/a.+(/{*}/'),
    probe({ name: 'X-A' }),
    ['Sidecar', { egress: [{ port: { number: 80, name: 'HTTP', protocol: 'HTTP' }, hosts: ['./*'] }] }],
  ])('accepts %s %j', (kind, spec) => {
    expect(errorsOf(kind, spec)).toEqual([]);
  });

  test.each<Case>([
    from({ serviceAccounts: ['a.b'] }),
    from({ notServiceAccounts: ['shop/a.b'] }),
    when('source.serviceAccount', 'shop/a.b'),
    ['VirtualService', { hosts: ['*'], gateways: ['edge'], http: [to] }],
    ['VirtualService', { hosts: ['a.b'], tcp: [{ match: [{ sourceSubnet: 'anything' }], ...to }] }],
  ])('refuses by name %s %j', (kind, spec) => {
    const errors = errorsOf(kind, spec);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.filter((error) => !error.startsWith('WEFT0004'))).toEqual([]);
  });
});
