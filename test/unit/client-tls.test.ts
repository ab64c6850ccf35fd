import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import type { KnownSecrets, SecretNames } from '../../src/policy/references/reference-scope.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import { settings } from '../support/resolve-values.ts';

/** A rule with this block, in YAML on one line, and all that is found in it. */
function found(tls: string, more = ''): readonly string[] {
  return tlsFindings(tls, more).map(({ code, severity, field, message }) => `${code} ${severity} ${field} ${message}`);
}

function tlsFindings(tls: string, more = ''): readonly Diagnostic[] {
  const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec:
  host: api.example.com
  trafficPolicy: { tls: ${tls} }
${more}`;
  const { diagnostics } = parsePolicies([{ path: 'a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  return diagnostics;
}

const at = 'spec.trafficPolicy.tls';

describe('a tls block', () => {
  test.each([
    '{}',
    '{ mode: DISABLE }',
    '{ mode: SIMPLE }',
    '{ mode: SIMPLE, caCertificates: system }',
    '{ mode: SIMPLE, caCertificates: /ca, caCrl: /crl, sni: a.example.com, subjectAltNames: [b.example.com, spiffe://x/y] }',
    '{ mode: SIMPLE, credentialName: partner }',
    '{ mode: SIMPLE, credentialName: "", caCertificates: "" }',
    '{ mode: MUTUAL, clientCertificate: /c, privateKey: /k }',
    '{ mode: MUTUAL, credentialName: partner.v2 }',
    '{ mode: ISTIO_MUTUAL, sni: a, subjectAltNames: [spiffe://demo.mesh/ns/a/sa/b] }',
  ])('%s is good', (tls) => expect(found(tls)).toEqual([]));

  test.each([
    ['{ mode: STRICT }', [expect.stringMatching(/^WEFT0002 error .*mode expected .*DISABLE/)]],
    [
      '{ mode: MUTUAL }',
      [
        `WEFT0002 error ${at} expected "clientCertificate" with mode MUTUAL`,
        `WEFT0002 error ${at} expected "privateKey" with mode MUTUAL`,
      ],
    ],
    [
      '{ mode: MUTUAL, credentialName: a, privateKey: /k }',
      [`WEFT0137 error ${at}.privateKey privateKey and credentialName exclude each other`],
    ],
    [
      '{ mode: SIMPLE, credentialName: a, caCrl: /crl }',
      [`WEFT0137 error ${at}.caCrl caCrl and credentialName exclude each other`],
    ],
    [
      '{ mode: SIMPLE, insecureSkipVerify: true }',
      [`WEFT0163 warning ${at}.insecureSkipVerify server certificate is not verified`],
    ],
    [
      '{ mode: MUTUAL, insecureSkipVerify: true, credentialName: a }',
      [`WEFT0163 warning ${at}.insecureSkipVerify server certificate is not verified`],
    ],
    [
      '{ mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a] }',
      [
        `WEFT0163 warning ${at}.insecureSkipVerify server certificate is not verified`,
        `WEFT0137 error ${at}.subjectAltNames subjectAltNames and insecureSkipVerify exclude each other`,
      ],
    ],
    [
      '{ mode: SIMPLE, insecureSkipVerify: true, credentialName: a }',
      [
        `WEFT0163 warning ${at}.insecureSkipVerify server certificate is not verified`,
        `WEFT0137 error ${at}.credentialName credentialName and insecureSkipVerify exclude each other`,
      ],
    ],
    ['{ mode: SIMPLE, privateKey: /k }', [`WEFT0132 warning ${at}.privateKey has no effect with mode SIMPLE`]],
    ['{ mode: DISABLE, sni: a }', [`WEFT0132 warning ${at}.sni has no effect with mode DISABLE`]],
    [
      '{ mode: ISTIO_MUTUAL, caCertificates: /ca }',
      [`WEFT0132 warning ${at}.caCertificates has no effect with mode ISTIO_MUTUAL`],
    ],
    [
      '{ mode: SIMPLE, credentialName: "configmap://shop/roots" }',
      [expect.stringMatching(/^WEFT0004 error .*credentialName/)],
    ],
    ['{ mode: SIMPLE, credentialName: ../other }', [expect.stringMatching(/^WEFT0002 error .*credentialName/)]],
    ['{ mode: SIMPLE, caCrl: /crl }', [expect.stringMatching(/^WEFT0004 error .*caCrl/)]],
    [
      `{ mode: SIMPLE, sni: ${'a'.repeat(256)} }`,
      [expect.stringMatching(/^WEFT0002 error .*sni expected at most 255/)],
    ],
    ['{ mode: SIMPLE, subjectAltNames: [""] }', [expect.stringMatching(/^WEFT0002 error .*subjectAltNames\[0\]/)]],
  ])('%s is told', (tls, expected) => {
    expect([...found(tls)].sort()).toEqual(
      expect.arrayContaining(expected.map((one) => (typeof one === 'string' ? one : one))),
    );
    expect(found(tls)).toHaveLength(expected.length);
  });

  test.each([
    ['mode: SIMPLE', 'name it in caCertificates'],
    ['mode: MUTUAL, credentialName: a', 'add its ca.crt to the named secret'],
  ])('%s: what WEFT0163 advises is good', (written, roots) => {
    const [finding] = tlsFindings(`{ ${written}, insecureSkipVerify: true }`);
    expect(finding?.hint).toBe(`remove insecureSkipVerify; if the authority of the server is private, ${roots}`);
    expect(found(`{ ${written} }`)).toEqual([]);
    if (roots.includes('caCertificates')) expect(found(`{ ${written}, caCertificates: /ca }`)).toEqual([]);
  });

  test('a port entry with tls alone is a block', () => {
    expect(found('{ mode: SIMPLE }, portLevelSettings: [{ port: { number: 443 }, tls: { mode: DISABLE } }]')).toEqual(
      [],
    );
  });
});

const mesh = (mode: string, rule: string) => `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec:
  selector: { app: reviews }
  ports: [{ name: http, port: 80, targetPort: 9080 }, { name: http-admin, port: 81, targetPort: 9081 }]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-1, namespace: shop }
spec: { address: 10.0.0.2, labels: { app: reviews, version: v1 }, serviceAccount: reviews }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: peers, namespace: shop }
spec: ${mode}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews, namespace: shop }
spec: ${rule}
`;

/** The findings between objects, with these secrets. */
function between(text: string, secrets?: SecretNames): readonly string[] {
  return findings(text, secrets).map(({ code, field, message }) => `${code} ${field} ${message}`);
}

function findings(text: string, secrets?: KnownSecrets): readonly Diagnostic[] {
  const { policies, diagnostics } = parsePolicies([{ path: 'a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  if (policies === undefined) throw new Error(JSON.stringify(diagnostics));
  const workloads: ReadonlyMap<string, Workload> = workloadsOfEntries(policies, settings);
  const { services } = buildServices(policies, workloads, settings);
  return checkReferences(policies.objects, services, workloads.values(), settings, secrets).filter(({ code }) =>
    ['WEFT0301', 'WEFT0101', 'WEFT0167'].includes(code),
  );
}

describe('P37 client and server contradict each other', () => {
  const strict = '{ mtls: { mode: STRICT } }';
  const server = 'server reviews.shop.svc.cluster.local';
  test.each([
    ['DISABLE', strict, `${server} is STRICT at reviews-1.shop, client policy says DISABLE`],
    ['SIMPLE', strict, `${server} is STRICT at reviews-1.shop, client policy says SIMPLE`],
    ['ISTIO_MUTUAL', strict, undefined],
    [
      'ISTIO_MUTUAL',
      '{ mtls: { mode: DISABLE } }',
      `${server} is DISABLE at reviews-1.shop, client policy says ISTIO_MUTUAL`,
    ],
    ['DISABLE', '{ mtls: { mode: DISABLE } }', undefined],
    ['DISABLE', '{ mtls: { mode: PERMISSIVE } }', undefined],
    ['SIMPLE', '{ mtls: { mode: PERMISSIVE } }', undefined],
  ])('%s towards %s', (mode, peers, message) => {
    const text = mesh(peers, `{ host: reviews, trafficPolicy: { tls: { mode: ${mode} } } }`);
    expect(between(text)).toEqual(message === undefined ? [] : [`WEFT0301 ${at} ${message}`]);
  });

  test('each level is looked at where it acts (P24)', () => {
    const rule = `
  host: reviews
  trafficPolicy:
    tls: { mode: DISABLE }
    portLevelSettings:
    - { port: { number: 80 }, connectionPool: { tcp: { maxConnections: 1 } } }
    - { port: { number: 81 }, tls: { mode: ISTIO_MUTUAL } }
  subsets:
  - { name: v1, labels: { version: v1 }, trafficPolicy: { tls: { mode: DISABLE } } }
  - { name: v2, labels: { version: v2 }, trafficPolicy: { tls: { mode: DISABLE } } }
`;
    // Both ports have entries of their own, so the rule's own block acts nowhere; no workload belongs to v2.
    expect(between(mesh(strict, rule))).toEqual([
      `WEFT0301 spec.subsets[0].trafficPolicy.tls ${server} is STRICT at reviews-1.shop, client policy says DISABLE`,
    ]);
  });

  test('the mode is that of the workload’s port', () => {
    const peers =
      '{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT }, portLevelMtls: { 9081: { mode: DISABLE } } }';
    const rule = (port: number, mode: string) =>
      `{ host: reviews, trafficPolicy: { portLevelSettings: [{ port: { number: ${port} }, tls: { mode: ${mode} } }] } }`;
    expect(between(mesh(peers, rule(81, 'DISABLE')))).toEqual([]);
    expect(between(mesh(peers, rule(81, 'ISTIO_MUTUAL')))).toHaveLength(1);
    expect(between(mesh(peers, rule(80, 'DISABLE')))).toHaveLength(1);
  });
});

describe('WEFT0167 TLS around the TLS of applications', () => {
  const api = (
    ports: string,
    policy: string,
    host = 'api.example.com',
    more = '',
  ) => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec: { hosts: [api.example.com], resolution: DNS, ports: [${ports}] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec: { host: "${host}", trafficPolicy: { ${policy} }${more} }
`;
  const https = '{ number: 443, name: https, protocol: HTTPS }';
  const http = '{ number: 80, name: http, protocol: HTTP, targetPort: 443 }';
  const message = (mode = 'SIMPLE', protocol = 'https') =>
    `WEFT0167 ${at}.mode ${mode} begins TLS around the TLS of applications: port 443 of api.example.com is ${protocol}`;

  test.each([
    [https, 'tls: { mode: SIMPLE }', [message()]],
    [https.replace('HTTPS', 'TLS'), 'tls: { mode: SIMPLE }', [message('SIMPLE', 'tls')]],
    [https, 'tls: { mode: MUTUAL, clientCertificate: /c, privateKey: /k }', [message('MUTUAL')]],
    [`${http}, ${https}`, 'tls: { mode: SIMPLE }', [message()]],
    // The port has an entry of its own, which leaves nothing of the rule's block (P24).
    [
      `${http}, ${https}`,
      'tls: { mode: SIMPLE }, portLevelSettings: [{ port: { number: 443 }, tls: { mode: DISABLE } }]',
      [],
    ],
    [`${http}, ${https}`, 'portLevelSettings: [{ port: { number: 80 }, tls: { mode: SIMPLE } }]', []],
    [http, 'tls: { mode: SIMPLE }', []],
    [https, 'tls: { mode: DISABLE }', []],
    // Towards a sidecar, which takes it off again.
    [https, 'tls: { mode: ISTIO_MUTUAL }', []],
    ['{ number: 443, name: tcp, protocol: TCP }', 'tls: { mode: SIMPLE }', []],
  ])('%s with %s', (ports, policy, expected) => expect(between(api(ports, policy))).toEqual(expected));

  test('of a rule for many hosts, and of a block of a subset', () => {
    expect(between(api(https, 'tls: { mode: SIMPLE }', '*.example.com'))).toEqual([message()]);
    const subset = ', subsets: [{ name: a, labels: { a: b }, trafficPolicy: { tls: { mode: SIMPLE } } }]';
    expect(between(api(https, 'loadBalancer: { simple: RANDOM }', 'api.example.com', subset))).toEqual([
      message().replace('spec.trafficPolicy', 'spec.subsets[0].trafficPolicy'),
    ]);
  });

  test.each([
    ['port: { number: 443 }', `${http}, ${https}`, []],
    ['port: { number: 80 }', `${http}, ${https}`, [message()]],
    // P14: the only port.
    ['subset: none', https, []],
  ])('requests that http rules lead there are no TLS yet: %s', (destination, ports, expected) => {
    const routed = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec: { hosts: [api.test], http: [{ route: [{ destination: { host: api.example.com, ${destination} } }] }] }
`;
    const all = between(api(ports, 'tls: { mode: SIMPLE }') + routed);
    expect(all.filter((text) => text.startsWith('WEFT0167'))).toEqual(expected);
  });

  test.each([
    ['https://api.example.com/keys', []],
    ['https://api.example.com:443/keys', []],
    ['https://api.example.com:8443/keys', [message()]],
    ['https://other.example.com/keys', [message()]],
  ])('nor where keys are fetched from the port: %s', (uri, expected) => {
    const tokens = `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: api, jwksUri: "${uri}" }] }
`;
    const all = between(api(https, 'tls: { mode: SIMPLE }') + tokens);
    expect(all.filter((text) => text.startsWith('WEFT0167'))).toEqual(expected);
  });

  test('says what to write instead, and where the port is declared', () => {
    const hintOf = (ports: string) => findings(api(ports, 'tls: { mode: SIMPLE }'))[0];
    expect(hintOf(`${http}, ${https}`)).toMatchObject({
      severity: 'warning',
      hint: 'remove tls where applications begin TLS themselves; write it in portLevelSettings of port 80 alone',
      related: [{ file: 'a.yaml', line: 4, message: 'https' }],
    });
    expect(hintOf(https)?.hint).toBe(
      'remove tls where applications begin TLS themselves; set protocol: HTTP where it is HTTP',
    );
  });
});

describe('a named secret', () => {
  const permissive = '{ mtls: { mode: PERMISSIVE } }';
  const rule = (tls: string, more = '') =>
    mesh(permissive, `{ host: reviews, ${more} trafficPolicy: { tls: ${tls} } }`);
  const secrets: SecretNames = new Map([
    ['shop/partner', { keys: true, roots: true }],
    ['shop/roots', { keys: false, roots: true }],
    ['bank/ledger', { keys: true, roots: false }],
  ]);
  const field = `WEFT0101 ${at}.credentialName`;
  test.each([
    ['{ mode: MUTUAL, credentialName: partner }', '', []],
    ['{ mode: SIMPLE, credentialName: roots }', '', []],
    ['{ mode: SIMPLE, credentialName: partnr }', '', [`${field} no secret "partnr" in namespace shop`]],
    [
      '{ mode: MUTUAL, credentialName: roots }',
      '',
      [`${field} secret "roots" of namespace shop holds no certificate and key`],
    ],
    // Each client has the secret of its own namespace.
    ['{ mode: MUTUAL, credentialName: ledger, insecureSkipVerify: true }', '', []],
    [
      '{ mode: MUTUAL, credentialName: ledger, insecureSkipVerify: true }',
      'exportTo: ["."],',
      [`${field} no secret "ledger" in namespace shop`],
    ],
    ['{ mode: MUTUAL, credentialName: ledger }', '', [`${field} secret "ledger" of namespace bank holds no roots`]],
  ])('%s %s', (tls, more, expected) => expect(between(rule(tls, more), secrets)).toEqual(expected));

  test.each<[KnownSecrets, string, string, RegExp]>([
    // Found by a user: weft validate was silent, and the server rejected the commit.
    [
      'elsewhere',
      'warning',
      'whether namespace shop has a secret "partner" is not known here',
      /^the server rejects this without .*shop\/partner/,
    ],
    // Found by a user: the folder was made, and a running server has no secrets.directory before its next start.
    [
      'unset',
      'error',
      'no secret "partner" in namespace shop',
      /^the server has no secrets.directory: .*start the server again/,
    ],
    [
      new Map(),
      'error',
      'no secret "partner" in namespace shop',
      /^make the folder shop\/partner below secrets.directory/,
    ],
  ])('secrets %s: %s', (known, severity, message, hint) =>
    expect(findings(rule('{ mode: SIMPLE, credentialName: partner }'), known)).toMatchObject([
      { code: 'WEFT0101', severity, message, hint: expect.stringMatching(hint) },
    ]),
  );

  test('nothing is said where nothing is asked of secrets', () =>
    expect(between(rule('{ mode: SIMPLE, credentialName: partnr }'))).toEqual([]));
});
