import { describe, expect, test } from 'vitest';
import { core, found, joined, networking, security, service, told, workload } from '../support/found-between.ts';

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
    // P43: as written; the mesh's own name is meant by it in principals alone.
    ['trustDomains: [cluster.local]', [expect.stringMatching(/trustDomains\[0\]: did you mean "demo.mesh"\?$/)]],
    ['notTrustDomains: [demo.mes]', [expect.stringMatching(/notTrustDomains\[0\]: did you mean "demo.mesh"\?$/)]],
    ['trustDomains: [far.example]', [expect.stringMatching(/trustDomains\[0\]: name it in trustDomainAliases/)]],
    ['trustDomains: [demo.mesh, "far*"]', []],
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
    [
      'source.trustDomain, values: [cluster.local]',
      [expect.stringMatching(/values\[0\]: did you mean "demo.mesh"\?$/)],
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
