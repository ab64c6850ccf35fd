import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
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

/** Codes and fields of a file of namespace shop; its WorkloadEntries are all the workloads there are. */
function told(text: string, code: string, namespace = 'shop'): readonly string[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const files = [{ path: `policies/${namespace}/a.yaml`, text }];
  const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
  return diagnostics.flatMap((one) => (one.code === code ? [`${one.severity} ${one.field}: ${one.hint}`] : []));
}

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

describe('ports of workloads (WEFT0113, a warning)', () => {
  const peer = (port: number, selector = 'reviews') =>
    security(
      'PeerAuthentication',
      `{ selector: { matchLabels: { app: ${selector} } }, portLevelMtls: { ${port}: { mode: STRICT } } }`,
    );
  const rule = (port: number, selector = '') =>
    security('AuthorizationPolicy', `{ ${selector}rules: [{ to: [{ operation: { ports: ["${port}"] } }] }] }`);
  const hint = 'ports of workloads, which are not those of Services: 9080';
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
  ])('a rule for %s (WEFT0152)', (source, expected) => {
    const policy = security('AuthorizationPolicy', `{ rules: [{ from: [{ source: { ${source} } }] }] }`);
    expect(told(here + policy, 'WEFT0152')).toEqual(expected);
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
