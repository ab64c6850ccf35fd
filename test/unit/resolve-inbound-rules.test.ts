import { describe, expect, test } from 'vitest';
import type { Condition } from '../../src/model/ir-inbound.ts';
import type { TextMatch } from '../../src/model/ir-route.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { allowed, authorizationOf, denied } from '../support/inbound-of.ts';
import type { ShortRule } from '../support/resolve-values.ts';
import { authorizationPolicy, mesh, proxy, workload } from '../support/resolve-values.ts';

const reviews = proxy('reviews.shop');

describe('P38 scope', () => {
  const rules = [{ from: [{ ipBlocks: ['10.0.0.0/8'] }] }];
  const ids = (namespace: string) =>
    authorizationOf(
      [
        authorizationPolicy('istio-system/all', 'DENY', rules),
        authorizationPolicy('istio-system/some', 'DENY', rules, { app: 'other' }),
        authorizationPolicy('shop/own', 'DENY', rules, { app: 'reviews' }),
        authorizationPolicy('shop/other', 'DENY', rules, { app: 'other' }),
        authorizationPolicy('bank/theirs', 'DENY', rules),
      ],
      'http',
      namespace,
    ).deny.map(({ id }) => id);

  test('root namespace and own, each filtered by its selector', () => {
    expect(ids('shop')).toEqual(['ns[istio-system]-policy[all]-rule[0]', 'ns[shop]-policy[own]-rule[0]']);
    expect(ids('bank')).toEqual(['ns[istio-system]-policy[all]-rule[0]', 'ns[bank]-policy[theirs]-rule[0]']);
  });

  test('labels of the workload, as the registry knows it', () => {
    const policies = [authorizationPolicy('shop/x', 'DENY', rules, { ring: 'a' })];
    const workloads = [workload('reviews.shop', { labels: { ring: 'a' } })];
    expect(resolveInbound(mesh({ policies, workloads }), reviews)[0]?.authorization.deny).toHaveLength(1);
  });
});

describe('P40 empties', () => {
  const always = { kind: 'always' };
  test('ALLOW without rules: nothing is allowed', () => {
    expect(authorizationOf([authorizationPolicy('shop/none', 'ALLOW', [])]).allow).toEqual([]);
  });
  test('an empty rule matches everything', () => {
    const { allow } = authorizationOf([authorizationPolicy('shop/all', 'ALLOW', [{}])]);
    expect(allow).toMatchObject([{ caller: always, operation: always }]);
  });
  test('without ALLOW policies everything is allowed', () => {
    expect(authorizationOf([authorizationPolicy('shop/no', 'DENY', [{}])]).allow).toBeUndefined();
  });
});

test('P41 from AND to AND when; lists OR; not* AND NOT', () => {
  const rule = allowed({
    from: [{ ipBlocks: ['10.0.0.0/8'], notIpBlocks: ['10.1.0.0/16'] }, { ipBlocks: ['192.0.2.1'] }],
    to: [{ methods: ['GET', 'HEAD'], paths: ['/a'] }],
    when: [{ key: 'request.headers[X-User]', values: ['ann'], notValues: ['b*'] }],
  });
  const source = (cidr: string) => ({ kind: 'source-address', cidr });
  const header = (match: object) => ({ kind: 'header', name: 'x-user', match });
  expect(rule?.caller).toEqual({
    kind: 'all',
    of: [
      {
        kind: 'any',
        of: [
          { kind: 'all', of: [source('10.0.0.0/8'), { kind: 'not', of: source('10.1.0.0/16') }] },
          source('192.0.2.1'),
        ],
      },
      {
        kind: 'all',
        of: [header({ kind: 'exact', value: 'ann' }), { kind: 'not', of: header({ kind: 'prefix', value: 'b' }) }],
      },
    ],
  });
  expect(rule?.operation).toEqual({
    kind: 'all',
    of: [
      { kind: 'any', of: ['GET', 'HEAD'].map((value) => ({ kind: 'method', match: { kind: 'exact', value } })) },
      { kind: 'path', match: { kind: 'exact', value: '/a' } },
    ],
  });
});

describe('P29 ports are decided by the workload port', () => {
  const operation = (to: NonNullable<ShortRule['to']>[number]) => allowed({ to: [to] })?.operation;
  test.each([
    [{ ports: [9080] }, { kind: 'always' }],
    [{ ports: [80, 19080] }, undefined],
    [{ notPorts: [9080] }, undefined],
    [{ notPorts: [80] }, { kind: 'always' }],
  ])('%j', (to, expected) => expect(operation(to)).toEqual(expected));

  test('destination.port', () => {
    const of = (values: string[], notValues: string[] = []) =>
      allowed({ when: [{ key: 'destination.port', values, notValues }] });
    expect(of(['9080'])?.operation).toEqual({ kind: 'always' });
    expect(of(['80'])).toBeUndefined();
    expect(of([], ['9080'])).toBeUndefined();
  });

  test('an ALLOW policy for another port still refuses this one (P39)', () => {
    expect(authorizationOf([authorizationPolicy('shop/x', 'ALLOW', [{ to: [{ ports: [80] }] }])]).allow).toEqual([]);
  });
});

describe('P42 text forms', () => {
  const caller = (from: NonNullable<ShortRule['from']>[number]) => allowed({ from: [from] })?.caller;
  const operation = (to: NonNullable<ShortRule['to']>[number]) => allowed({ to: [to] })?.operation;
  const regex = (value: string) => ({ kind: 'principal', match: { kind: 'regex', value } });

  test.each([
    ['/a', { kind: 'exact', value: '/a' }],
    ['/a*', { kind: 'prefix', value: '/a' }],
    ['*/a', { kind: 'suffix', value: '/a' }],
    ['*', { kind: 'regex', value: '.+' }],
    ['/a*b', { kind: 'exact', value: '/a*b' }],
    ['/a.+(', { kind: 'exact', value: '/a.+(' }],
  ])('path %s', (path, match) => expect(operation({ paths: [path] })).toEqual({ kind: 'path', match }));

  test('* is present, even if empty, for headers, hosts and methods', () => {
    const present = { kind: 'present' };
    expect(operation({ methods: ['*'] })).toEqual({ kind: 'method', match: present });
    expect(operation({ hosts: ['*'] })).toEqual({ kind: 'host', match: present });
    const when = [{ key: 'request.headers[x]', values: ['*'] }];
    expect(allowed({ when })?.caller).toEqual({ kind: 'header', name: 'x', match: present });
  });

  test('* is present and not empty for principals and SNI', () => {
    expect(caller({ principals: ['*'] })).toEqual(regex('.+'));
    const when = [{ key: 'connection.sni', values: ['*'] }];
    expect(allowed({ when })?.operation).toEqual({ kind: 'server-name', match: { kind: 'regex', value: '.+' } });
  });

  test('hosts alone ignore case', () => {
    expect(operation({ hosts: ['Reviews.SHOP'] })).toEqual({
      kind: 'host',
      match: { kind: 'exact', value: 'reviews.shop' },
    });
    expect(operation({ methods: ['Get'] })).toEqual({ kind: 'method', match: { kind: 'exact', value: 'Get' } });
  });

  test.each([
    ['shop', 'shop'],
    ['sh*p', 'sh[^/]*p'],
    ['*-prod', '[^/]*-prod'],
    ['*', '[^/]+'],
    ['a.b+(c', 'a\\.b\\+\\(c'],
  ])('namespace %s', (value, expected) => {
    expect(caller({ namespaces: [value] })).toEqual(regex(`[^/]+/ns/${expected}/sa/[^/]+`));
  });

  test.each([
    ['web', 'shop', 'web'],
    ['bank/web', 'bank', 'web'],
    ['a.b/c+(', 'a.b', 'c+('],
  ])('service account %s', (value, namespace, account) => {
    const match = { kind: 'exact', value: `demo.mesh/ns/${namespace}/sa/${account}` };
    expect(caller({ serviceAccounts: [value] })).toEqual({ kind: 'principal', match });
  });

  test.each([
    ['demo.mesh', 'demo\\.mesh'],
    ['demo*', 'demo[^/]*'],
    ['*.mesh', '[^/]*\\.mesh'],
    ['*', '[^/]+'],
    ['cluster.local', 'cluster\\.local'],
  ])('trust domain %s, taken as written', (value, expected) => {
    expect(caller({ trustDomains: [value] })).toEqual(regex(`${expected}/ns/[^/]+/sa/[^/]+`));
  });

  test.each(['.', '+', '(', '[', '{', '|', '\\', '^', '$', '?'])('%s in a regex means itself', (character) => {
    const condition = caller({ namespaces: [`a${character}b`] }) as { match: { value: string } };
    expect(new RegExp(`^(?:${condition.match.value})$`).test(`d/ns/a${character}b/sa/a`)).toBe(true);
    expect(new RegExp(`^(?:${condition.match.value})$`).test('d/ns/ab/sa/a')).toBe(false);
  });
});

describe('P43 principals', () => {
  const principal = (value: string) => allowed({ from: [{ principals: [value] }] })?.caller;
  test.each([
    ['cluster.local/ns/shop/sa/web', { kind: 'exact', value: 'demo.mesh/ns/shop/sa/web' }],
    ['demo.mesh/ns/shop/sa/web', { kind: 'exact', value: 'demo.mesh/ns/shop/sa/web' }],
    ['other/ns/shop/sa/web', { kind: 'exact', value: 'other/ns/shop/sa/web' }],
    ['cluster.local/ns/shop/*', { kind: 'prefix', value: 'cluster.local/ns/shop/' }],
    ['cluster.local/ns/shop/sa/*', { kind: 'prefix', value: 'demo.mesh/ns/shop/sa/' }],
    ['*/sa/web', { kind: 'suffix', value: '/sa/web' }],
  ])('%s', (value, match) => expect(principal(value)).toEqual({ kind: 'principal', match }));

  test('source.principal and notPrincipals speak of the same', () => {
    const match = { kind: 'exact', value: 'demo.mesh/ns/shop/sa/web' };
    const value = 'cluster.local/ns/shop/sa/web';
    const when = [{ key: 'source.principal', notValues: [value] }];
    const expected: Condition = {
      kind: 'not',
      of: { kind: 'principal', match: { kind: 'exact', value: match.value } },
    };
    expect(allowed({ when })?.caller).toEqual(expected);
    expect(allowed({ from: [{ notPrincipals: [value] }] })?.caller).toEqual(expected);
  });
});

describe('P45 HTTP fields on a TCP port', () => {
  const rules: readonly ShortRule[] = [
    { to: [{ paths: ['/a'], ports: [9080] }] },
    { to: [{ notMethods: ['GET'] }] },
    { to: [{ hosts: ['a'] }, { ports: [9080] }] },
    { when: [{ key: 'request.headers[x]', values: ['1'] }] },
  ];
  test.each(rules)('ALLOW loses the whole rule: %j', (rule) => {
    expect(allowed(rule)).toBeDefined();
    expect(allowed(rule, 'tcp')).toBeUndefined();
  });
  test('only operations that reach the port count (P29)', () => {
    const elsewhere: ShortRule = { to: [{ ports: [80], methods: ['GET'] }, { ports: [9080] }] };
    expect(allowed(elsewhere, 'tcp')).toMatchObject({ caller: { kind: 'always' }, operation: { kind: 'always' } });
    const besides: ShortRule = { to: [{ notPorts: [9080], hosts: ['a'] }, {}] };
    expect(allowed(besides, 'tcp')).toBeDefined();
  });
  test.each(rules)('DENY loses only the field: %j', (rule) => {
    expect(denied(rule, 'tcp')).toMatchObject({ caller: { kind: 'always' }, operation: { kind: 'always' } });
  });
  test('what a connection shows stays', () => {
    const rule = { from: [{ ipBlocks: ['10.0.0.0/8'] }], to: [{ paths: ['/a'] }] };
    expect(denied(rule, 'tcp')?.caller).toEqual({ kind: 'source-address', cidr: '10.0.0.0/8' });
  });
});

test('P46 an id names policy and rule, also where earlier rules are left out', () => {
  const policy = authorizationPolicy('shop/callers', 'ALLOW', [{ to: [{ ports: [1] }] }, {}]);
  expect(authorizationOf([policy]).allow?.map(({ id }) => id)).toEqual(['ns[shop]-policy[callers]-rule[1]']);
});

test.each([
  ['source.ip', '10.0.0.1', 'caller', { kind: 'source-address', cidr: '10.0.0.1' }],
  ['remote.ip', '10.0.0.1', 'caller', { kind: 'remote-address', cidr: '10.0.0.1' }],
  ['destination.ip', '10.0.0.1', 'operation', { kind: 'destination-address', cidr: '10.0.0.1' }],
  ['connection.sni', 'a.b', 'operation', { kind: 'server-name', match: { kind: 'exact', value: 'a.b' } }],
  ['source.namespace', 'a', 'caller', { kind: 'principal', match: { kind: 'regex', value: '[^/]+/ns/a/sa/[^/]+' } }],
  [
    'source.serviceAccount',
    'a',
    'caller',
    { kind: 'principal', match: { kind: 'exact', value: 'demo.mesh/ns/shop/sa/a' } },
  ],
  ['source.trustDomain', 'a', 'caller', { kind: 'principal', match: { kind: 'regex', value: 'a/ns/[^/]+/sa/[^/]+' } }],
] as const)('when %s', (key, value, side, expected) => {
  expect(allowed({ when: [{ key, values: [value] }] })?.[side]).toEqual(expected);
});

const claim = (path: readonly string[], match: TextMatch) => ({ kind: 'claim', path, match });
const [present, exact] = [{ kind: 'present' } as const, (value: string) => ({ kind: 'exact', value }) as const];

test.each<[string, TextMatch, TextMatch]>([
  ['https://a.example/ann', exact('https://a.example'), exact('ann')],
  ['*', present, present],
  ['https://a.example/*', exact('https://a.example'), present],
  ['https://a.example/a*', exact('https://a.example'), { kind: 'prefix', value: 'a' }],
  ['https://a.*', exact('https:/'), { kind: 'prefix', value: 'a.' }],
  ['a.ex*', { kind: 'prefix', value: 'a.ex' }, present],
  ['*.example/ann', { kind: 'suffix', value: '.example' }, exact('ann')],
  ['*/ann', present, exact('ann')],
  ['*nn', present, { kind: 'suffix', value: 'nn' }],
])('request principal %s (P44)', (value, issuer, subject) => {
  const expected = { kind: 'all', of: [claim(['iss'], issuer), claim(['sub'], subject)] };
  expect(allowed({ from: [{ requestPrincipals: [value] }] })?.caller).toEqual(expected);
  expect(allowed({ when: [{ key: 'request.auth.principal', values: [value] }] })?.caller).toEqual(expected);
  expect(allowed({ from: [{ notRequestPrincipals: [value] }] })?.caller).toEqual({ kind: 'not', of: expected });
});

test.each([
  ['request.auth.audiences', 'books', ['aud'], exact('books')],
  ['request.auth.presenter', 'w*', ['azp'], { kind: 'prefix', value: 'w' }],
  ['request.auth.claims[group]', '*', ['group'], present],
  ['request.auth.claims[https://a.b/x][y z]', 'a', ['https://a.b/x', 'y z'], exact('a')],
] as const)('when %s', (key, value, path, match) => {
  expect(allowed({ when: [{ key, values: [value] }] })?.caller).toEqual(claim(path, match));
});

test('a key that nobody can decide narrows access', () => {
  const when = [{ key: 'experimental.envoy.filters.x[a]', values: ['1'] }];
  expect(allowed({ when })).toBeUndefined();
  expect(denied({ when })).toMatchObject({ caller: { kind: 'always' } });
});
