import { describe, expect, it } from 'vitest';
import type { Workload } from '../../src/model/workload.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { check, dr, http, meta, reviews, route, security, service, vs, workload } from '../support/reference-check.ts';

const passes = 'set STRICT: who calls in plaintext has no identity, and is not refused';

/** Beside the examples of the codes' pages (docs/codes): the finding is expected where ‹ stands. */
const examples: readonly (readonly [code: string, name: string, yaml: string, message: string, hint: string])[] = [
  [
    'WEFT0101',
    'a mirror that is nothing',
    reviews +
      vs(
        'a',
        '  hosts: [reviews]\n  http: [{ mirror: { host: ‹nobody }, route: [{ destination: { host: reviews } }] }]\n',
      ),
    'no service "nobody"',
    'declare a Service, let a workload join as it (weft run -n shop --service nobody), or correct the name',
  ],
  [
    'WEFT0101',
    'a host outside that nobody declared',
    reviews + vs('a', route('{ host: ‹api.example.com }')),
    'no service "api.example.com"',
    'declare a ServiceEntry with this host, or correct the name',
  ],
  [
    'WEFT0101',
    'a service of another namespace',
    reviews +
      vs(
        'a',
        '  hosts: [reviews.shop.svc.cluster.local]\n  http: [{ route: [{ destination: { host: ‹reviews } }] }]\n',
        'bank',
      ),
    'no service "reviews"',
    'namespace shop has one',
  ],
  [
    'WEFT0109',
    'two private ones',
    reviews +
      vs('a', `  exportTo: [.]\n${route('{ host: reviews }')}`) +
      vs('b', '  exportTo: [.]\n  hosts: [‹reviews]\n  http: [{ route: [{ destination: { host: reviews } }] }]\n'),
    'for clients in shop',
    'merge',
  ],
  [
    'WEFT0113',
    'the port of the workloads behind a service port',
    reviews.replace('port: 9080', 'port: 9080, targetPort: 8080') +
      vs(
        'a',
        '  hosts: [reviews]\n  http: [{ route: [{ destination: { host: reviews, port: { number: ‹8080 } } }] }]\n',
      ),
    'reviews has no port 8080',
    'write 9080: 8080 is where its workloads serve that; ports: 9080',
  ],
  [
    'WEFT0113',
    'a matched port that is not there',
    reviews +
      vs(
        'a',
        '  hosts: [reviews]\n  http: [{ match: [{ port: ‹80 }], route: [{ destination: { host: reviews } }] }]\n',
      ),
    'reviews has no port 80',
    'ports: 9080',
  ],
  [
    'WEFT0152',
    'an account that is nobody',
    security('AuthorizationPolicy', 'a', '  rules: [{ from: [{ source: { serviceAccounts: [‹frontent] } }] }]\n'),
    'no workload has this account',
    '"frontend"',
  ],
  [
    'WEFT0153',
    'a path on a TCP port (P45)',
    service('reviews', '{ name: tcp-x, port: 9080 }') +
      security('AuthorizationPolicy', 'a', '  action: DENY\n  rules: [{ to: [{ operation: { ‹paths: [/a] } }] }]\n'),
    'HTTP field paths on TCP port 9080; the rule then denies more',
    'name the HTTP ports',
  ],
  [
    'WEFT0173',
    'a subset without any rule',
    reviews + vs('a', route('{ host: reviews, subset: ‹v3 }')),
    'subset "v3"',
    'add a DestinationRule',
  ],
  [
    'WEFT0181',
    'one subset twice',
    reviews +
      dr('r', '  host: reviews\n  subsets: [{ name: v1 }]\n') +
      dr('s', '  host: reviews\n  subsets: [{ name: ‹v1 }]\n'),
    'overlap in subset "v1"',
    'define it in one of them, or under another name',
  ],
  [
    'WEFT0181',
    'exported differently',
    reviews + dr('r', '  host: reviews\n') + dr('s', '  host: reviews\n  ‹exportTo: ["."]\n'),
    'overlap in exportTo, which differs',
    'give both the same exportTo',
  ],
  [
    'WEFT0011',
    'a host twice',
    `${reviews}apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('e')}\nspec: { hosts: [‹reviews.shop.svc.cluster.local], ports: [{ number: 1, name: tcp }] }\n`,
    'is defined twice in namespace shop',
    'other',
  ],
];

describe('labels that a joined workload only claims', () => {
  const selector = '{ tier: payments }';
  const entry = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('e')}\nspec: { hosts: [e.shop], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: ${selector} }, ports: [{ number: 1, name: tcp }] }\n`;
  const written = `apiVersion: v1\nkind: Service\n${meta('payments')}\nspec:\n  selector: ${selector}\n  ports: [${http(80)}]\n`;
  const claims = { tier: 'payments', app: 'intruder' };
  const told = (yaml: string, present: readonly Workload[]) =>
    check(yaml, present)
      .found.filter(({ code }) => code === 'WEFT0205' || code === 'WEFT0127')
      .map(({ code, message, hint }) => [code, message, hint]);

  it.each([
    ['WEFT0205', written],
    ['WEFT0127', entry],
  ])('%s says who is left out and which token would let it in', (code, yaml) => {
    const intruder = workload('intruder', claims, { service: 'intruder' });
    const ports = [{ port: 80, endpointPort: 80 }];
    const granted = workload('payments', claims, { granted: claims, ports });
    for (const present of [[intruder], [intruder, granted]]) {
      expect(told(yaml, present)).toEqual([
        [
          code,
          'workload intruder.shop claims tier=payments, its token does not grant it: it is no endpoint here',
          'if it belongs here, join it with a token of weft token create --service intruder -n shop --label tier=payments',
        ],
      ]);
    }
    expect(told(yaml, [granted])).toEqual([]);
    expect(told(yaml, [workload('entry', claims, { source: 'file' })])).toEqual([]);
  });
});

describe('findings between objects', () => {
  it.each(examples)('%s %s', (code, _, yaml, message, hint) => {
    const { found, text } = check(yaml);
    const lines = text.split('\n');
    const at = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
    const finding = found.find((one) => one.code === code);
    expect(finding?.at, JSON.stringify(found)).toMatchObject(at);
    expect(finding?.message).toContain(message);
    expect(finding?.hint).toContain(hint);
    expect(finding?.severity).toBe(diagnosticCodes[code as keyof typeof diagnosticCodes].severity);
    expect(finding?.object).toBeDefined();
  });

  const clean = [
    reviews,
    vs('a', route('{ host: reviews, subset: v1 }')),
    vs(
      'own',
      `  exportTo: [.]\n${route('{ host: reviews.shop.svc.cluster.local }').replace('[reviews]', '[reviews.shop.svc.cluster.local]')}`,
      'bank',
    ),
    dr('r', '  host: reviews\n  subsets: [{ name: v1, labels: { version: v1 } }]\n'),
    dr('s', '  host: reviews\n  trafficPolicy: { loadBalancer: {} }\n'),
    security('PeerAuthentication', 'p', '  mtls: { mode: STRICT }\n'),
    security(
      'AuthorizationPolicy',
      'z',
      '  selector: { matchLabels: { app: reviews } }\n  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/frontend] } }], to: [{ operation: { methods: [GET] } }] }]\n',
    ),
  ].join('');

  it('finds nothing in a clean tree: producer and consumer objects, rules that merge', () => {
    expect(check(clean).found.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  });

  it('takes the called port where the target has it (P14)', () => {
    const two = service('many', `${http(9080)}, ${http(81)}`);
    expect(check(reviews + two + vs('a', route('{ host: many }')), 'no registry').found).toEqual([]);
  });

  it('without a registry, a host that means nothing is a warning and workloads are not missed', () => {
    const { found } = check(reviews + vs('a', route('{ host: nobody }')), 'no registry');
    expect(found.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['WEFT0101 warning']);
    expect(found[0]?.hint).toBe(
      'declare a Service, or correct the name; a workload that joins as "nobody" in shop makes it too: weft validate --live knows who has',
    );
  });

  it('a host of a VirtualService that means nothing is a warning', () => {
    const { found } = check(reviews + vs('a', route('{ host: reviews }').replace('[reviews]', '[nobody]')));
    expect(found.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['WEFT0101 warning']);
  });

  it('http rules for a host outside the mesh act on port 80 until a ServiceEntry says more; nobody can send to such a host', () => {
    const outside = vs('a', route('{ host: reviews }').replace('[reviews]', '[wiki.example.org]'));
    const looped = vs('b', route('{ host: wiki.example.org }'));
    expect(check(reviews + outside + looped).found.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      'WEFT0101 info',
      'WEFT0101 error',
    ]);
    const told = check(reviews + outside).found;
    expect(told.map(({ code, severity, message, hint }) => [code, severity, message, hint])).toEqual([
      [
        'WEFT0101',
        'info',
        'no service "wiki.example.org": its http rules act on requests to port 80, and no others do',
        'declare a ServiceEntry with this host, or correct the name',
      ],
    ]);
    const entry = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('wiki', 'shop')}\nspec:\n  hosts: [wiki.example.org]\n  ports: [{ number: 80, name: http, protocol: HTTP }]\n  resolution: DNS\n---\n`;
    expect(check(reviews + entry + outside).found).toEqual([]);
  });

  it.each([
    ['ALLOW', 'principals', '', 'set STRICT, or expect refusals'],
    ['ALLOW', 'notPrincipals', ', which this ALLOW lets in', passes],
    ['DENY', 'principals', ', which this DENY lets pass', passes],
    ['DENY', 'notPrincipals', '', 'set STRICT, or expect refusals'],
    ['AUDIT', 'principals', '', 'set STRICT: calls in plaintext are not noted'],
  ])('%s with %s says what becomes of a caller in plaintext (WEFT0154, P43)', (action, field, after, hint) => {
    const rules = `  action: ${action}\n  rules: [{ from: [{ source: { ${field}: [cluster.local/ns/shop/sa/frontend] } }] }]\n`;
    const policy = security('AuthorizationPolicy', 'a', `  selector: { matchLabels: { app: reviews } }\n${rules}`);
    const { found } = check(policy);
    expect(found.filter(({ code }) => code === 'WEFT0154').map(({ message, hint }) => [message, hint])).toEqual([
      [`rule uses caller identity but reviews.shop accepts plaintext${after}`, hint],
    ]);
  });

  it('selectors that differ and meet on a workload are a warning (1.5)', () => {
    const one = security(
      'PeerAuthentication',
      'a',
      '  selector: { matchLabels: { app: reviews } }\n  mtls: { mode: STRICT }\n',
    );
    const two = security(
      'PeerAuthentication',
      'b',
      '  selector: { matchLabels: { version: v1 } }\n  mtls: { mode: DISABLE }\n',
    );
    expect(check(one + two).found.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['WEFT0182 warning']);
  });

  it('silences its warnings, and tells silencers that had nothing to do', () => {
    const warned = security(
      'PeerAuthentication',
      'a',
      '  # weft-ignore WEFT0127: the machine joins on Monday\n  selector: { matchLabels: { app: none } }\n',
    );
    expect(check(warned).found).toEqual([]);
    const idle = security(
      'PeerAuthentication',
      'a',
      '  # weft-ignore WEFT0127: the machine joins on Monday\n  selector: { matchLabels: { app: reviews } }\n',
    );
    expect(check(idle).found.map(({ code }) => code)).toEqual(['WEFT0009']);
  });
});
