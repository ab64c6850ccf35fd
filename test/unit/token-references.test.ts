import { describe, expect, test } from 'vitest';
import { core, found, networking, security, service, told, workload } from '../support/found-between.ts';

/* RequestAuthentications between objects: whom they select, where their keys are (T23), and who asks for tokens that nobody verifies (P44). */

const from = (uri: string, selector = '') =>
  security('RequestAuthentication', `{ ${selector}jwtRules: [{ issuer: x, jwksUri: "${uri}" }] }`);
const verified = from('https://accounts.example/keys');

describe('WEFT0161', () => {
  const asking = (rule: string, selector = '') => security('AuthorizationPolicy', `{ ${selector}rules: [${rule}] }`);
  const principals = (name: string) => `{ from: [{ source: { ${name}: ["*"] } }] }`;
  const never = 'add one, or the rule never matches';
  const always = 'add one, or the rule takes every request for one without a token';

  test.each([
    [principals('requestPrincipals'), 'requestPrincipals', 'from[0].source.requestPrincipals', never],
    [principals('notRequestPrincipals'), 'notRequestPrincipals', 'from[0].source.notRequestPrincipals', always],
    ['{ when: [{ key: "request.auth.claims[a]", values: [b] }] }', 'request.auth.claims[a]', 'when[0].key', never],
    ['{ when: [{ key: request.auth.audiences, notValues: [b] }] }', 'request.auth.audiences', 'when[0].key', always],
  ])('%s', (rule, name, field, hint) => {
    const text = workload() + asking(rule);
    expect(told(text, 'WEFT0161')).toEqual([`warning spec.rules[0].${field}: ${hint}`]);
    expect(found(text, 'WEFT0161')[0]?.message).toBe(`${name} needs a RequestAuthentication on r1.shop`);
    expect(found(text + verified, 'WEFT0161')).toEqual([]);
  });

  test('is about the workloads that the policy selects, and those alone', () => {
    const rule = principals('requestPrincipals');
    const others = from('https://accounts.example/keys', 'selector: { matchLabels: { app: others } }, ');
    expect(found(workload() + asking(rule) + others, 'WEFT0161')).toHaveLength(1);
    expect(
      found(workload() + asking(rule, 'selector: { matchLabels: { app: others } }, ') + others, 'WEFT0161'),
    ).toEqual([]);
    expect(found(workload() + asking('{ from: [{ source: { namespaces: [shop] } }] }'), 'WEFT0161')).toEqual([]);
    // Rules are what verifies.
    expect(found(workload() + asking(rule) + security('RequestAuthentication', '{}'), 'WEFT0161')).toHaveLength(1);
  });
});

test('WEFT0127: a selector that chooses nobody, or nobody before whom a proxy stands', () => {
  const selecting = (app: string) =>
    from('https://accounts.example/keys', `selector: { matchLabels: { app: ${app} } }, `);
  expect(found(workload() + selecting('reviews'), 'WEFT0127')).toEqual([]);
  expect(told(workload() + selecting('review'), 'WEFT0127')[0]).toContain('nearest label: app: reviews');
  const bare = networking('WorkloadEntry', 'r1', '{ address: 10.0.0.1, labels: { app: reviews } }');
  expect(found(bare + selecting('reviews'), 'WEFT0127').map(({ message }) => message)).toEqual([
    'selector matches r1.shop, before which no proxy of the mesh stands: any token passes there',
  ]);
});

describe('keys at a URL', () => {
  const base = service(9080) + workload();
  const entry = networking(
    'ServiceEntry',
    'accounts',
    '{ hosts: [accounts.example], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }',
  );

  test('over http come from services alone', () => {
    for (const uri of ['http://reviews/keys', 'http://reviews.shop.svc.cluster.local:80/', 'http://reviews.shop.mesh/'])
      expect(found(base + from(uri), 'WEFT0101')).toEqual([]);
    expect(found(base + entry + from('http://accounts.example/keys'), 'WEFT0101')).toEqual([]);
    expect(found(base + from('http://accounts.example/keys'), 'WEFT0101')).toMatchObject([
      {
        severity: 'warning',
        field: 'spec.jwtRules[0].jwksUri',
        message:
          'no service "accounts.example", and over http keys come from services alone: no token of this issuer is taken',
      },
    ]);
    expect(told(base + from('http://review/keys'), 'WEFT0101')[0]).toContain('did you mean "reviews"?');
    expect(told(base + from('http://reviews.shop/keys'), 'WEFT0102')[0]).toContain('write "reviews"');
  });

  test('are at a port that the service has', () => {
    expect(found(base + from('http://reviews:8080/keys'), 'WEFT0113')).toMatchObject([
      { severity: 'warning', message: 'reviews has no port 8080: no token of this issuer is taken', hint: 'ports: 80' },
    ]);
    expect(found(base + from('http://reviews/keys'), 'WEFT0113')).toEqual([]);
  });

  test('of a service that is hidden from the namespace are told', () => {
    const hidden = networking(
      'ServiceEntry',
      'accounts',
      '{ hosts: [accounts.example], exportTo: [bank], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }',
    );
    expect(
      found(base + hidden + from('http://accounts.example/keys'), 'WEFT0101').map(({ message }) => message),
    ).toContain('service "accounts.example" is not exported to namespace shop: no token of this issuer is taken');
  });

  test('over https come from whoever proves to be the host', () => {
    for (const uri of ['https://accounts.example/keys', 'https://reviews/keys'])
      for (const code of ['WEFT0101', 'WEFT0102', 'WEFT0113', 'WEFT0301'])
        expect(found(base + core('Service', 'x', '{ ports: [{ port: 80, name: http }] }') + from(uri), code)).toEqual(
          [],
        );
  });
});
