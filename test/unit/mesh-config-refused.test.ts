import { describe, expect, it } from 'vitest';
import { meshConfigOf } from '../../src/model/mesh-config.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { findings, parse } from '../support/mesh-config-words.ts';

describe('what a MeshConfig may not say', () => {
  it.each([
    [
      'a misspelled field',
      'connectTimout: 1s',
      'WEFT0002 1:1 ',
      'unknown field "connectTimout"',
      'did you mean "connectTimeout"?',
    ],
    [
      'a field at the wrong place',
      'mode: ALLOW_ANY',
      'WEFT0002 1:1 ',
      'unknown field "mode"',
      '"mode" belongs under outboundTrafficPolicy',
    ],
    [
      'a word that is none',
      'outboundTrafficPolicy: { mode: NONE }',
      'WEFT0002 1:32 outboundTrafficPolicy.mode',
      'expected one of ALLOW_ANY, REGISTRY_ONLY, ALLOW_ANY_DYNAMIC_DNS, got "NONE"',
      'one of ALLOW_ANY, REGISTRY_ONLY, ALLOW_ANY_DYNAMIC_DNS',
    ],
    [
      'a cipher that Envoy does not know',
      'tlsDefaults: { cipherSuites: [RC4-MD5] }',
      'WEFT0004 1:31 tlsDefaults.cipherSuites[0]',
      '"RC4-MD5" is valid in Istio',
      'remove it',
    ],
    ['too short a timeout', 'connectTimeout: 0s', 'WEFT0002 1:17 connectTimeout', 'at least 1ms', ''],
    ['too long a timeout', 'connectTimeout: 2h', 'WEFT0002 1:17 connectTimeout', 'at most 3600s', ''],
    [
      'a field of later',
      'caCertificates: []',
      'WEFT0004 1:1 caCertificates',
      'is valid in Istio but not supported by Weft (T1)',
      'remove it',
    ],
    [
      'a drain time, which is a flag of Envoy',
      'defaultConfig: { drainDuration: 60s }',
      'WEFT0004 1:18 defaultConfig.drainDuration',
      'is valid in Istio but not supported by Weft (T1)',
      'remove it: 45s holds; for one sidecar write weft run ... -- --drain-time-s 60',
    ],
    [
      'a drain time at the end',
      'defaultConfig: { terminationDrainDuration: 60s }',
      'WEFT0004 1:18 defaultConfig.terminationDrainDuration',
      'is valid in Istio but not supported by Weft (T1)',
      'waits until no request is running, 30s at most',
    ],
    [
      'a field of Kubernetes',
      'ingressClass: istio',
      'WEFT0004 1:1 ingressClass',
      'is valid in Istio but not supported by Weft',
      'remove it',
    ],
    [
      'a port that is each sidecar’s own',
      'proxyListenPort: 15002',
      'WEFT0004 1:18 proxyListenPort',
      'weft run --outbound-port',
      'remove it',
    ],
    [
      'a port of redirection',
      'proxyInboundListenPort: 15006',
      'WEFT0004 1:1 proxyInboundListenPort',
      '(T2)',
      'remove it',
    ],
    [
      'a version below TLS 1.2',
      'meshMTLS: { minProtocolVersion: TLSV1_1 }',
      'WEFT0002 1:33 meshMTLS.minProtocolVersion',
      'got "TLSV1_1"',
      'TLSV1_2',
    ],
    [
      'suites beside TLS 1.3, of which none can be chosen',
      'meshMTLS: { minProtocolVersion: TLSV1_3, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384] }',
      'WEFT0137 1:42 meshMTLS.cipherSuites',
      'cipherSuites and TLS 1.3 as the least version exclude each other',
      'write minProtocolVersion: TLSV1_2',
    ],
    [
      'suites where nothing lowers the version',
      'meshMTLS: { cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384] }',
      'WEFT0137 1:13 meshMTLS.cipherSuites',
      'cipherSuites and TLS 1.3 as the least version exclude each other',
      'write minProtocolVersion: TLSV1_2',
    ],
    [
      'a suite of TLS 1.3',
      'meshMTLS: { minProtocolVersion: TLSV1_2, cipherSuites: [TLS_AES_128_GCM_SHA256] }',
      'WEFT0004 1:57 meshMTLS.cipherSuites[0]',
      '"TLS_AES_128_GCM_SHA256"',
      'without any all of them are offered',
    ],
    [
      'a curve by another name',
      'meshMTLS: { ecdhCurves: [X25519, secp256r1] }',
      'WEFT0004 1:34 meshMTLS.ecdhCurves[1]',
      '"secp256r1"',
      'without any X25519MLKEM768, X25519 and P-256 are offered',
    ],
    [
      'another trust domain',
      'trustDomain: other.mesh',
      'WEFT0002 1:14 trustDomain',
      'expected the trust domain of the control plane, "demo.mesh", got "other.mesh"',
      'weft.yaml',
    ],
    [
      'what is no trust domain',
      'trustDomainAliases: [Old_Mesh!]',
      'WEFT0002 1:22 trustDomainAliases[0]',
      'expected a trust domain',
      '',
    ],
    [
      'everybody and somebody',
      'defaultServiceExportTo: ["*", shop]',
      'WEFT0137 1:26 defaultServiceExportTo[0]',
      '"*" and other entries exclude each other',
      'write "*" alone',
    ],
    [
      'a command that Envoy does not know',
      'accessLogFormat: "%PROTOCO%"',
      'WEFT0002 1:18 accessLogFormat',
      'expected a command of Envoy\'s access logs at "%PROTOCO%"',
      'did you mean "PROTOCOL"?',
    ],
    [
      'a command without its words',
      'accessLogFormat: "%REQ%"',
      'WEFT0002 1:18 accessLogFormat',
      'at "%REQ%"',
      'correct what stands behind REQ',
    ],
    [
      'a lonely percent sign',
      'accessLogFormat: "100 % sure"',
      'WEFT0002 1:18 accessLogFormat',
      'at "% sure"',
      'write "%%" for a percent sign',
    ],
    [
      'a command of an extension',
      'accessLogFormat: "%CEL(request.path)%"',
      'WEFT0004 1:18 accessLogFormat',
      '"%CEL%" is valid in Istio',
      'remove it',
    ],
    [
      'a text for JSON',
      'accessLogEncoding: JSON\naccessLogFormat: "%PROTOCOL%"',
      'WEFT0002 2:18 accessLogFormat',
      'expected an object as JSON text',
      'accessLogEncoding: TEXT',
    ],
    ['a list', '- a', 'WEFT0002 1:1 ', 'expected the fields of MeshConfig', 'write key: value lines'],
  ])('%s', (_what, text, place, message, hint) => {
    const [first, ...more] = findings(text, { trustDomain: 'demo.mesh' });
    expect(first?.[0]).toBe(place);
    expect(first?.[1]).toContain(message);
    expect(first?.[2]).toContain(hint);
    expect(more).toEqual([]);
  });

  it('a keepalive that the kernel does not take is brought within its limits, and that is told', () => {
    const { policies, diagnostics } = parse('tcpKeepalive: { probes: 300, time: 1ms }\n');
    expect(diagnostics.map(({ code, field }) => `${code} ${field}`)).toEqual([
      'WEFT0142 tcpKeepalive.probes',
      'WEFT0142 tcpKeepalive.time',
    ]);
    expect(meshConfigOf({ objects: policies?.objects ?? [] })?.spec.tcpKeepalive).toEqual({ probes: 127, time: 1000 });
  });

  it('another root namespace than weft.yaml states; the default may be replaced', () => {
    const stated = findings('rootNamespace: mesh-root', { rootNamespaceFrom: 'weft.yaml:4' });
    expect(stated.map(([place, message]) => [place, message])).toEqual([
      ['WEFT0002 1:16 rootNamespace', 'expected the root namespace of weft.yaml:4, "istio-system", got "mesh-root"'],
    ]);
    expect(findings('rootNamespace: mesh-root')).toEqual([]);
  });

  it('two of them', () => {
    const files = ['meshconfig.yaml', 'meshconfig.yml'].map((name, index) => ({
      path: `policies/${name}`,
      text: `rootNamespace: root${index}\n`,
    }));
    const { diagnostics } = parsePolicies(files, { commit: 'c', rootNamespace: 'x', folders: 'namespace' });
    expect(diagnostics.map(({ code, at }) => `${code} ${at.file}`)).toEqual(['WEFT0011 policies/meshconfig.yml']);
  });
});

describe('what is remembered of a parse', () => {
  it('objects keep their identity while MeshConfig says nothing else of them', () => {
    const first = parse('connectTimeout: 1s\n');
    const second = parse('connectTimeout: 2s\n', { previous: first.cache });
    const service = (result: typeof first) => result.objects.find(({ kind }) => kind === 'Service');
    expect(service(second)).toBe(service(first));
    const third = parse('connectTimeout: 2s\ndefaultServiceExportTo: ["."]\n', { previous: second.cache });
    expect(service(third)?.spec).toMatchObject({ exportTo: ['.'] });
    expect(meshConfigOf({ objects: second.objects })).not.toBe(meshConfigOf({ objects: first.objects }));
    const again = parse('connectTimeout: 2s\n', { previous: second.cache, commit: 'c9' });
    expect(meshConfigOf({ objects: again.objects })).toBe(meshConfigOf({ objects: second.objects }));
  });
});

describe('the annotation networking.istio.io/exportTo of a Service (P6)', () => {
  const service = (value: string) => `apiVersion: v1
kind: Service
metadata: { name: a, annotations: { networking.istio.io/exportTo: "${value}" } }
spec: { ports: [{ name: http, port: 80 }] }
`;
  const read = (text: string) =>
    parsePolicies([{ path: 'policies/shop/a.yaml', text }], { commit: 'c', rootNamespace: 'x', folders: 'namespace' });

  it.each([
    ['.', ['.']],
    ['~', ['~']],
    ['bank, shop', ['bank', 'shop']],
  ])('%s', (value, exportTo) => {
    expect(read(service(value)).policies?.objects[0]?.spec).toMatchObject({ exportTo });
  });

  it.each([
    ['', 'WEFT0002'],
    ['bank,', 'WEFT0002'],
    ['a_b', 'WEFT0002'],
    ['*,bank', 'WEFT0137'],
  ])('not "%s"', (value, code) => {
    expect(read(service(value)).diagnostics.map((one) => one.code)).toEqual([code]);
  });

  it('is refused on other kinds, which have a field for it', () => {
    const text = service('.')
      .replace('apiVersion: v1', 'apiVersion: networking.istio.io/v1')
      .replace('kind: Service', 'kind: DestinationRule')
      .replace('ports: [{ name: http, port: 80 }]', 'host: a');
    expect(read(text).diagnostics.map((one) => one.code)).toEqual(['WEFT0004']);
  });
});

it.each([
  ['defaultConfig: { gatewayTopology: { numTrustedProxies: 1 } }', 'defaultConfig.gatewayTopology', 'load balancer'],
  ['defaultConfig: { drainDuration: 5s }', 'defaultConfig.drainDuration', 'remove'],
  ['defaultConfig: { concurrency: 2 }', 'defaultConfig.concurrency', 'remove'],
  ['caCertificates: [{ pem: x }]', 'caCertificates', 'roots of this control plane'],
  ['extensionProviders: [{ name: x, zipkin: {} }]', 'extensionProviders[0].zipkin', 'Telemetry'],
  ['proxyInboundListenPort: 15006', 'proxyInboundListenPort', '--inbound-port'],
  ['meshMTLS: { minProtocolVersion: TLSV1_2, cipherSuites: [none] }', 'meshMTLS.cipherSuites[0]', 'remove'],
])('what waits for others is refused by its own name, with what to do: %s', (text, field, hint) => {
  const { diagnostics } = parsePolicies([{ path: 'policies/meshconfig.yaml', text: `${text}\n` }], {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics).toMatchObject([{ code: 'WEFT0004', severity: 'error', field }]);
  expect(diagnostics[0]?.hint).toContain(hint);
});

it('says of suites that no certificate of the mesh can use that they end TLS 1.2', () => {
  const text = 'meshMTLS: { minProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384] }\n';
  const { diagnostics, policies } = parsePolicies([{ path: 'policies/meshconfig.yaml', text }], {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics).toMatchObject([{ code: 'WEFT0132', severity: 'warning', field: 'meshMTLS.cipherSuites' }]);
  expect(policies?.objects).toHaveLength(1);
});
