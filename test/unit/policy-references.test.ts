import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Service } from '../../src/model/service.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { Workload } from '../../src/model/workload.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { serviceHost } from '../../src/policy/hosts.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { silence } from '../../src/policy/silencers.ts';

const settings = { trustDomain: 'cluster.local', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

/** Services of the policies as the registry makes them, without endpoints. */
function servicesOf(objects: ReturnType<typeof parsePolicies>['objects']): readonly Service[] {
  return objects.flatMap((object): Service[] => {
    if (object.kind !== 'Service' && object.kind !== 'ServiceEntry') return [];
    const { namespace } = object;
    const hosts =
      object.kind === 'Service' ? [serviceHost(object.name, namespace, 'cluster.local')] : object.spec.hosts;
    return hosts.map((host) => ({
      key: serviceKeyOf(namespace, host),
      namespace,
      name: object.kind === 'Service' ? object.name : host,
      host,
      origin: object.kind === 'Service' ? 'service' : 'entry',
      external: false,
      resolution: 'registry',
      addresses: [],
      ports: object.spec.ports.map(({ port, protocol }) => ({ number: port, protocol })),
      exportTo: ['*'],
      subjectAltNames: [],
      by: { object: { kind: object.kind, namespace, name: object.name }, field: 'spec', at: object.at, commit: 'x' },
    }));
  });
}

function workload(name: string, labels: Readonly<Record<string, string>>, more: Partial<Workload> = {}): Workload {
  return {
    id: `${name}.shop`,
    name,
    namespace: 'shop',
    labels,
    ...(labels.app === undefined ? {} : { granted: { app: labels.app } }),
    serviceAccount: name,
    identity: spiffeId({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: name }),
    address: '10.0.0.1',
    ports: [{ port: 9080, endpointPort: 9080 }],
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    ...more,
  };
}

const workloads = [workload('reviews', { app: 'reviews', version: 'v1' }), workload('frontend', { app: 'frontend' })];

function check(
  text: string,
  known: readonly Workload[] | 'no registry' = workloads,
): { found: readonly Diagnostic[]; text: string } {
  const start = text.indexOf('‹');
  const plain = text.replace('‹', '');
  const parsed = parsePolicies([{ path: 'policies/shop/a.yaml', text: plain }], {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  expect(parsed.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const found = checkReferences(
    parsed.objects,
    servicesOf(parsed.objects),
    known === 'no registry' ? undefined : known,
    settings,
  );
  return { found: silence(found, parsed.silencers, 'references'), text: start === -1 ? '' : plain.slice(0, start) };
}

const meta = (name: string, namespace = 'shop') => `metadata: { name: ${name}, namespace: ${namespace} }`;
const service = (name: string, ports: string, selector = `{ app: ${name} }`) =>
  `apiVersion: v1\nkind: Service\n${meta(name)}\nspec: { selector: ${selector}, ports: [${ports}] }\n---\n`;
const http = (port: number) => `{ name: http-${port}, port: ${port} }`;
const reviews = service('reviews', http(9080));
const vs = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
const dr = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
const security = (kind: string, name: string, spec: string, namespace = 'shop') =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
const route = (destination: string) => `  hosts: [reviews]\n  http: [{ route: [{ destination: ${destination} }] }]\n`;

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
    'other',
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

describe('rules on TCP ports', () => {
  const ports = service('reviews', '{ name: http-a, port: 80 }, { name: tcp-b, port: 9025 }');
  const frontend = 'from: [{ source: { principals: [cluster.local/ns/shop/sa/frontend] } }]';
  const toTcp = 'to: [{ operation: { ports: ["9025"] } }]';
  const codesOf = (action: string, rule: string, known = workloads) =>
    check(ports + security('AuthorizationPolicy', 'a', `  action: ${action}\n  rules: [{ ${rule} }]\n`), known)
      .found.map(({ code }) => code)
      .filter((code) => code === 'WEFT0153' || code === 'WEFT0164');

  it.each([
    ['ALLOW', frontend, []],
    ['ALLOW', `${frontend}, ${toTcp}`, []],
    ['ALLOW', '', []],
    ['ALLOW', 'when: [{ key: source.namespace, values: [shop] }]', []],
    ['ALLOW', 'from: [{ source: { ipBlocks: [10.0.0.0/8] } }]', ['WEFT0164']],
    ['ALLOW', 'from: [{ source: { principals: ["*"], notNamespaces: [bank] } }]', ['WEFT0164']],
    ['ALLOW', 'from: [{ source: { principals: ["*"], namespaces: [bank] } }]', ['WEFT0164']],
    ['ALLOW', `${frontend}, when: [{ key: connection.sni, values: [a] }]`, ['WEFT0164']],
    ['ALLOW', 'from: [{ source: { ipBlocks: [10.0.0.0/8] } }], to: [{ operation: { ports: ["80"] } }]', []],
    ['ALLOW', `${frontend}, when: [{ key: destination.port, values: ["9025"] }]`, []],
    ['DENY', frontend, ['WEFT0164']],
    ['DENY', `${frontend}, to: [{ operation: { notPorts: ["9025"] } }]`, []],
    ['DENY', `${frontend}, when: [{ key: destination.port, values: ["80"] }]`, []],
    // WEFT0153: the rule is dropped, or narrower than written.
    ['ALLOW', 'to: [{ operation: { ports: ["80"], methods: [GET] } }, { operation: { ports: ["9025"] } }]', []],
    ['ALLOW', 'to: [{ operation: { methods: [GET] } }, { operation: { ports: ["9025"] } }]', ['WEFT0153']],
    ['ALLOW', 'to: [{ operation: { methods: [GET] } }], when: [{ key: destination.port, values: ["80"] }]', []],
    ['ALLOW', `${toTcp}, when: [{ key: "request.headers[x]", values: [a] }]`, ['WEFT0153']],
    ['DENY', 'to: [{ operation: { ports: ["80"], methods: [GET] } }]', []],
    ['DENY', 'to: [{ operation: { methods: [GET] } }]', ['WEFT0164', 'WEFT0153']],
  ])('%s { %s }: %j', (action, rule, expected) => {
    expect(codesOf(action, rule)).toEqual(expected);
  });

  it('a condition on a header is called by its key', () => {
    const rule = `${toTcp}, when: [{ key: "request.headers[x]", values: [a] }]`;
    const { found } = check(ports + security('AuthorizationPolicy', 'a', `  rules: [{ ${rule} }]\n`));
    const [finding] = found.filter(({ code }) => code === 'WEFT0153');
    expect([finding?.field, finding?.message]).toEqual([
      'spec.rules[0].when[0].key',
      'HTTP field request.headers[x] on TCP port 9025; the rule then allows nothing',
    ]);
  });

  it('a port counts as the ServiceEntry says that selects its workload', () => {
    const entry = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('e')}\nspec: { hosts: [e.shop], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { app: reviews } }, ports: [{ number: 9080, name: tcp }] }\n---\n`;
    const policy = security('AuthorizationPolicy', 'a', '  rules: [{ to: [{ operation: { methods: [GET] } }] }]\n');
    expect(check(entry + policy).found.map(({ code }) => code)).toContain('WEFT0153');
    expect(check(entry.replace('name: tcp', 'name: http') + policy).found.map(({ code }) => code)).not.toContain(
      'WEFT0153',
    );
  });

  it('a port that no Service names counts as its workload declares it', () => {
    const own = workload('reviews', { app: 'reviews' }, { ports: [{ port: 7, endpointPort: 7, protocol: 'tcp' }] });
    expect(codesOf('DENY', 'to: [{ operation: { ports: ["7"] } }]', [own])).toEqual(['WEFT0164']);
  });
});

describe('a WorkloadEntry whose address is a name', () => {
  const entry = (address: string) =>
    `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n${meta('far')}\nspec: { address: ${address}, labels: { app: reviews } }\n---\n`;
  const serviceEntry = `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('e')}\nspec: { hosts: [e.shop], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { app: reviews } }, ports: [{ number: 1, name: tcp }] }\n---\n`;
  const told = (yaml: string, known?: 'no registry') =>
    check(yaml, known).found.flatMap(({ code, field, message, hint }) =>
      field === 'spec.address' ? [[code, message, hint]] : [],
    );

  it.each([undefined, 'no registry' as const])('serves no Service that selects it, and it is said (%s)', (known) => {
    expect(told(reviews + entry('db.example'), known)).toEqual([
      [
        'WEFT0205',
        'service reviews cannot use this workload: its address "db.example" is a name',
        'write its IP address, or choose it in a ServiceEntry with resolution: DNS',
      ],
    ]);
    expect(told(reviews + entry('10.0.0.9'), known)).toEqual([]);
    expect(told(reviews + entry('"fd00::9"'), known)).toEqual([]);
    expect(told(service('ratings', http(9080)) + entry('db.example'), known)).toEqual([]);
  });

  it('nor a ServiceEntry with resolution STATIC', () => {
    expect(told(serviceEntry + entry('db.example')).map(([, message]) => message)).toEqual([
      'service e cannot use this workload: its address "db.example" is a name',
    ]);
  });

  it.each(['DNS', 'DNS_ROUND_ROBIN'])('one with resolution %s may use it, and no socket', (resolution) => {
    const resolves = serviceEntry.replace('STATIC', resolution);
    expect(told(resolves + entry('db.example'))).toEqual([]);
    expect(told(resolves + entry('10.0.0.9'))).toEqual([]);
    expect(told(resolves + entry('unix:///run/db.sock'))).toEqual([
      [
        'WEFT0205',
        'service e cannot use this workload: its address "unix:///run/db.sock" is a socket',
        'set resolution: STATIC in ServiceEntry e',
      ],
    ]);
    expect(told(serviceEntry + entry('unix:///run/db.sock'))).toEqual([]);
  });

  it('of several workloads DNS_ROUND_ROBIN calls one, and it is said', () => {
    const of = (resolution: string) =>
      check(serviceEntry.replace('STATIC', resolution).replace('{ app: reviews }', '{}')).found.flatMap(
        ({ code, field, message }) => (code === 'WEFT0132' ? [[field, message]] : []),
      );
    expect(of('DNS')).toEqual([]);
    expect(of('DNS_ROUND_ROBIN')).toEqual([
      [
        'spec.workloadSelector',
        'selects 2 workloads; resolution DNS_ROUND_ROBIN has one endpoint, frontend.shop: the others have no effect',
      ],
    ]);
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
