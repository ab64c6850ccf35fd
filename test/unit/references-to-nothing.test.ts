import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Workload } from '../../src/model/workload.ts';
import { settings } from '../support/registry-values.ts';

const core = (kind: string, name: string, spec: string) =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
const networking = (kind: string, name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
const security = (kind: string, spec: string) =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec: ${spec}\n---\n`;
const service = (targetPort: string | number, name = 'http') =>
  core(
    'Service',
    'reviews',
    `{ selector: { app: reviews }, ports: [{ name: ${name}, port: 80, targetPort: ${targetPort} }] }`,
  );
const workload = (more = '') =>
  networking('WorkloadEntry', 'r1', `{ address: 10.0.0.1, labels: { app: reviews }, serviceAccount: reviews${more} }`);

/** A workload that has joined with these ports. */
const joined = (name: string, ports: readonly (number | [number, string])[]): Workload => ({
  id: `${name}.shop`,
  name,
  namespace: 'shop',
  labels: { app: 'reviews' },
  granted: { app: 'reviews' },
  service: 'reviews',
  serviceAccount: 'reviews',
  identity: spiffeId({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'reviews' }),
  address: '10.0.0.2',
  ports: ports.map((one) => {
    const [port, portName] = typeof one === 'number' ? [one] : one;
    return { port, endpointPort: port + 10_000, ...(portName === undefined ? {} : { name: portName }) };
  }),
  weight: 1,
  health: 'healthy',
  source: 'proxy',
});

/** What is found in a file of namespace shop; its WorkloadEntries, and `members`, are all the workloads there are. */
function found(
  text: string,
  code: string,
  namespace = 'shop',
  members: readonly Workload[] = [],
): readonly Diagnostic[] {
  const workloads = new Map(members.map((member) => [member.id, member]));
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => workloads });
  const files = [{ path: `policies/${namespace}/a.yaml`, text }];
  const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
  return diagnostics.filter((one) => one.code === code);
}

/** The same as severity, field and hint. */
const told = (...asked: Parameters<typeof found>): readonly string[] =>
  found(...asked).map(({ severity, field, hint }) => `${severity} ${field}: ${hint}`);

describe('targetPort by a name that no workload has (WEFT0205)', () => {
  const at = 'warning spec.ports[0].targetPort';
  test.each([
    [
      'none has a name',
      service('nope') + workload(),
      [`${at}: none has a name; write its number, or name it at the workload`],
    ],
    [
      'another name',
      service('web') + workload(', ports: { metrics: 9080 }'),
      [`${at}: names: metrics; write its number, or name it at the workload`],
    ],
    [
      'a near name',
      service('http-wb', 'http-api') + workload(', ports: { http-web: 9080 }'),
      [`${at}: did you mean "http-web"?`],
    ],
    ['its own name', service('web') + workload(', ports: { web: 9080 }'), []],
    ['the name of the port goes before it', service('nope') + workload(', ports: { http: 9080 }'), []],
    ['a number', service(9080) + workload(), []],
    ['a socket serves any port', service('nope') + workload().replace('10.0.0.1', '"unix:///run/a"'), []],
  ])('%s', (_, text, expected) => expect(told(text, 'WEFT0205')).toEqual(expected));
});

describe('targetPort by a number that nobody who joined has (WEFT0205)', () => {
  const two = [joined('j1', [9080, [9090, 'admin']]), joined('j2', [9080])];
  const said = (text: string, members = two) =>
    found(text, 'WEFT0205', 'shop', members).map(({ field, message, hint }) => [field, message, hint]);

  test('says how many there are and which ports they have', () => {
    expect(said(service(8080))).toEqual([
      [
        'spec.ports[0].targetPort',
        'port 80 of service reviews has no workload: 2 match the selector, none has port 8080',
        'ports of its workloads: 9080, 9090 (admin); write one of them in targetPort, or start them with --port 8080',
      ],
    ]);
    const [first] = two;
    expect(said(service(8080), first ? [first] : []).map(([, message]) => message)).toEqual([
      'port 80 of service reviews has no workload: 1 matches the selector, it has not port 8080',
    ]);
  });

  test('without targetPort it is the port itself', () => {
    const plain = core('Service', 'reviews', '{ selector: { app: reviews }, ports: [{ name: http, port: 80 }] }');
    expect(said(plain).map(([field]) => field)).toEqual(['spec.ports[0].port']);
  });

  test('who joined without ports', () => {
    expect(said(service(8080), [joined('j1', [])]).map(([, , hint]) => hint)).toEqual([
      'it joined without ports: start it with weft run --port 8080',
    ]);
  });

  test.each([
    ['one of them has it', service(9090), two],
    ['the name of the port goes before the number', service(8080, 'admin'), two],
    ['behind a WorkloadEntry any port may be open', service(8080) + workload(), two],
    ['a WorkloadEntry that names others', service(8080) + workload(', ports: { x: 9080 }'), []],
  ])('nothing: %s', (_, text, members) => expect(said(text, members)).toEqual([]));
});

describe('ports of workloads (WEFT0113, a warning)', () => {
  const peer = (port: number, selector = 'reviews') =>
    security(
      'PeerAuthentication',
      `{ selector: { matchLabels: { app: ${selector} } }, portLevelMtls: { ${port}: { mode: STRICT } } }`,
    );
  const rule = (port: number, selector = '') =>
    security('AuthorizationPolicy', `{ ${selector}rules: [{ to: [{ operation: { ports: ["${port}"] } }] }] }`);
  const hint = 'port 80 of Service reviews is port 9080 of its workloads: write 9080';
  const unknown = 'ports of workloads, which are not those of Services: 9080';
  const ofPeer = [`warning spec.portLevelMtls.80: ${hint}`];
  const ofRule = [`warning spec.rules[0].to[0].operation.ports[0]: ${hint}`];

  test.each([
    ['the port of the Service instead of the workload’s', service(9080) + workload() + peer(80), ofPeer],
    ['the same in a rule', service(9080) + workload() + rule(80), ofRule],
    [
      'in a rule with a selector',
      service(9080) + workload() + rule(80, 'selector: { matchLabels: { app: reviews } }, '),
      ofRule,
    ],
    [
      'what a rule excludes, and what a condition asks for',
      service(9080) +
        workload() +
        security(
          'AuthorizationPolicy',
          '{ rules: [{ to: [{ operation: { notPorts: ["80"] } }], when: [{ key: destination.port, values: ["81", "9080"], notValues: ["82"] }] }] }',
        ),
      [
        `warning spec.rules[0].to[0].operation.notPorts[0]: ${hint}`,
        `warning spec.rules[0].when[0].values[0]: ${unknown}`,
        `warning spec.rules[0].when[0].notValues[0]: ${unknown}`,
      ],
    ],
    ['the workload’s', service(9080) + workload() + peer(9080) + rule(9080), []],
    ['one that the workload declares', service(9080) + workload(', ports: { admin: 80 }') + peer(80) + rule(80), []],
    ['nobody says which ports there are', workload() + peer(80) + rule(80), []],
    ['nobody is there', service(9080) + peer(80) + rule(80), []],
    [
      'one that a Sidecar names',
      service(9080) +
        workload() +
        networking('Sidecar', 'x', '{ ingress: [{ port: { number: 80, protocol: HTTP, name: x } }] }') +
        peer(80),
      [],
    ],
    [
      'one that a ServiceEntry leads to',
      service(9080) +
        workload() +
        networking(
          'ServiceEntry',
          'x',
          '{ hosts: [a.example.com], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: { app: reviews } }, ports: [{ number: 80, name: http, protocol: HTTP }] }',
        ) +
        rule(80),
      [],
    ],
  ])('%s', (_, text, expected) => expect(told(text, 'WEFT0113')).toEqual(expected));

  test('a joined workload has those that it declares, whatever leads to it', () => {
    const said = told(service(8080) + rule(8080), 'WEFT0113', 'shop', [joined('j1', [9080])]);
    expect(said).toEqual([`warning spec.rules[0].to[0].operation.ports[0]: ${unknown}`]);
  });
});

describe('namespaces and labels that nobody has', () => {
  const here = core('Service', 'reviews', '{ ports: [{ name: http, port: 80 }] }') + workload();
  const rule = (match: string) =>
    networking(
      'VirtualService',
      'x',
      `{ hosts: [reviews], http: [{ match: [${match}], route: [{ destination: { host: reviews } }] }] }`,
    );
  const at = 'info spec.http[0].match[0]';
  test.each([
    ['{ sourceNamespace: shpo }', [`${at}.sourceNamespace: did you mean "shop"?`]],
    ['{ sourceNamespace: shop }', []],
    ['{ sourceLabels: { app: review } }', [`${at}.sourceLabels: nearest label: app: reviews`]],
    ['{ sourceLabels: { app: reviews } }', []],
    ['{ sourceNamespace: shpo, sourceLabels: { app: no } }', [`${at}.sourceNamespace: did you mean "shop"?`]],
    ['{ sourceNamespace: shop, sourceLabels: { app: none } }', [`${at}.sourceLabels: labels present: app: reviews`]],
  ])('a match for %s (WEFT0127)', (match, expected) => {
    expect(told(here + rule(match), 'WEFT0127')).toEqual(expected);
  });

  test.each([
    ['namespaces: [shpo]', ['warning spec.rules[0].from[0].source.namespaces[0]: did you mean "shop"?']],
    ['notNamespaces: [far]', [expect.stringMatching(/notNamespaces\[0\]: correct it, or wait until/)]],
    ['namespaces: [shop, "sh*"]', []],
    [
      'principals: [cluster.local/ns/shpo/sa/reviews]',
      [expect.stringMatching(/principals\[0\]: did you mean "cluster.local\/ns\/shop\/sa\/reviews"\?$/)],
    ],
    [
      'principals: [clusterlocal/ns/shop/sa/reviews]',
      [expect.stringMatching(/principals\[0\]: did you mean "cluster.local\/ns\/shop\/sa\/reviews"\?$/)],
    ],
    [
      'notPrincipals: [far.example/ns/shop/sa/reviews]',
      [expect.stringMatching(/notPrincipals\[0\]: name it in trustDomainAliases of MeshConfig/)],
    ],
    ['serviceAccounts: [review]', [expect.stringMatching(/serviceAccounts\[0\]: did you mean "reviews"\?$/)]],
    ['serviceAccounts: [shpo/reviews]', [expect.stringMatching(/did you mean "shop\/reviews"\?$/)]],
    ['serviceAccounts: [reviews, shop/reviews]', []],
  ])('a rule for %s (WEFT0152)', (source, expected) => {
    const policy = security('AuthorizationPolicy', `{ rules: [{ from: [{ source: { ${source} } }] }] }`);
    expect(told(here + policy, 'WEFT0152')).toEqual(expected);
  });

  test.each([
    ['source.namespace, values: [shpo]', ['warning spec.rules[0].when[0].values[0]: did you mean "shop"?']],
    ['source.serviceAccount, values: [review]', [expect.stringMatching(/values\[0\]: did you mean "reviews"\?$/)]],
    [
      'source.principal, notValues: [cluster.local/ns/shop/sa/review, "*"]',
      [expect.stringMatching(/notValues\[0\]: did you mean "cluster.local\/ns\/shop\/sa\/reviews"\?$/)],
    ],
    ['source.ip, values: [10.0.0.9]', []],
  ])('a condition on %s (WEFT0152)', (condition, expected) => {
    const policy = security('AuthorizationPolicy', `{ rules: [{ when: [{ key: ${condition} }] }] }`);
    expect(told(here + policy, 'WEFT0152')).toEqual(expected);
  });

  test('a policy for workloads before which no proxy stands (WEFT0127)', () => {
    const policy = security('AuthorizationPolicy', '{ selector: { matchLabels: { app: reviews } } }');
    const bare = workload().replace(', serviceAccount: reviews', '');
    expect(found(bare + policy, 'WEFT0127').map(({ field, message }) => [field, message])).toEqual([
      [
        'spec.selector',
        'selector matches r1.shop, before which no proxy of the mesh stands: nobody is allowed or refused there',
      ],
    ]);
    expect(found(workload() + policy, 'WEFT0127')).toEqual([]);
  });

  test.each([
    ['[shpo]', ['info spec.exportTo[0]: did you mean "shop"?']],
    ['[shop]', []],
    ['["."]', []],
  ])('exportTo: %s (WEFT0101)', (exportTo, expected) => {
    expect(
      told(here + networking('DestinationRule', 'x', `{ host: reviews, exportTo: ${exportTo} }`), 'WEFT0101'),
    ).toEqual(expected);
  });
});

describe('localities in which nobody is (WEFT0101, an info)', () => {
  const placed = workload(', locality: eu/north/1');
  const listed = networking(
    'ServiceEntry',
    'out',
    '{ hosts: [out.example], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 192.0.2.1, locality: us/west }] }',
  );
  const at = 'spec.trafficPolicy.loadBalancer.localityLbSetting';
  const rule = (setting: string) =>
    networking(
      'DestinationRule',
      'x',
      `{ host: reviews, trafficPolicy: { outlierDetection: {}, loadBalancer: { localityLbSetting: ${setting} } } }`,
    );
  const said = (setting: string, around = service(9080) + placed + listed) => told(around + rule(setting), 'WEFT0101');

  test.each([
    [
      'distribute.from and .to',
      '{ distribute: [{ from: ue/north/*, to: { "eu/*": 40, "us/west": 30, "mars/*": 30 } }] }',
      [
        `info ${at}.distribute[0].from: did you mean "eu/north/*"?`,
        `info ${at}.distribute[0].to["mars/*"]: localities: eu/north/1, us/west`,
      ],
    ],
    ['all that are there', '{ distribute: [{ from: "*", to: { "eu/north/*": 100 } }] }', []],
    [
      'failover',
      '{ failover: [{ from: eu, to: asia }, { from: mars, to: us }] }',
      [
        `info ${at}.failover[0].to: localities: eu/north/1, us/west`,
        `info ${at}.failover[1].from: localities: eu/north/1, us/west`,
      ],
    ],
  ])('%s', (_, setting, expected) => expect(said(setting)).toEqual(expected));

  test('of a subset and its ports', () => {
    const setting = '{ loadBalancer: { localityLbSetting: { distribute: [{ from: "mars/*", to: { eu: 100 } }] } } }';
    const text = networking(
      'DestinationRule',
      'x',
      `{ host: reviews, subsets: [{ name: v1, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, ${setting.slice(1, -1)} }] } }] }`,
    );
    expect(told(service(9080) + placed + text, 'WEFT0101')).toEqual([
      'info spec.subsets[0].trafficPolicy.portLevelSettings[0].loadBalancer.localityLbSetting.distribute[0].from: localities: eu/north/1',
    ]);
  });

  test('of MeshConfig', () => {
    const workloads = new Map([
      ['r1.shop', { ...joined('r1', [9080]), locality: { region: 'eu', zone: '', subzone: '' } }],
    ]);
    const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => workloads });
    const text = 'localityLbSetting: { failover: [{ from: eu, to: us }] }\n';
    const files = [{ path: 'policies/meshconfig.yaml', text }];
    const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
    expect(diagnostics.map(({ code, field, hint }) => [code, field, hint])).toEqual([
      ['WEFT0101', 'localityLbSetting.failover[0].to', 'localities: eu'],
    ]);
  });

  test('nobody says where it is', () => {
    expect(said('{ distribute: [{ from: eu, to: { eu: 100 } }] }', service(9080) + workload())[0]).toBe(
      `info ${at}.distribute[0].from: nobody says where it is: weft run --locality, or locality of a WorkloadEntry`,
    );
  });
});

test('exportTo of a v1/Service, which is an annotation (WEFT0101, an info)', () => {
  const exported = (to: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: reviews, annotations: { networking.istio.io/exportTo: "${to}" } }\nspec: { ports: [{ name: http, port: 80 }] }\n---\n`;
  expect(told(exported('.,shpo') + workload(), 'WEFT0101')).toEqual([
    'info metadata.annotations["networking.istio.io/exportTo"]: did you mean "shop"?',
  ]);
  expect(told(exported('.') + workload(), 'WEFT0101')).toEqual([]);
});

describe('P30: a Service and a ServiceEntry that select one workload', () => {
  const entry = (protocol: string, port = 81, selector = '{ app: reviews }') =>
    networking(
      'ServiceEntry',
      'x',
      `{ hosts: [a.example.com], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: { labels: ${selector} }, ports: [{ number: ${port}, name: p, protocol: ${protocol}, targetPort: 9080 }] }`,
    );
  test.each([
    [
      'another protocol',
      entry('TCP'),
      [expect.stringMatching(/^error spec.ports\[0\]: give both one protocol; other: /)],
    ],
    ['the same protocol', entry('HTTP'), []],
    ['other workloads', entry('TCP', 81, '{ app: other }'), []],
  ])('%s (WEFT0184)', (_, text, expected) => {
    expect(told(service(9080) + workload() + text, 'WEFT0184')).toEqual(expected);
  });

  test('two ServiceEntries', () => {
    const second = entry('HTTP', 82).replace('name: x', 'name: y').replace('a.example.com', 'b.example.com');
    expect(told(workload() + entry('TCP') + second, 'WEFT0184')).toHaveLength(1);
  });
});
