import { describe, expect, test } from 'vitest';
import { valueText } from '../../src/control-plane/describe-words.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** What is said of a file, a line each. */
function said(text: string, path = 'shop/a.yaml'): readonly string[] {
  const { diagnostics } = parsePolicies([{ path: `policies/${path}`, text }], {
    commit: 'c1',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  return diagnostics.map(({ code, field = '', message, hint }) => `${code} ${field}: ${message}; ${hint}`);
}

const object = (kind: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec: ${spec}\n`;
const to = 'route: [{ destination: { host: reviews } }]';
const vs = (...rules: readonly string[]) =>
  object('VirtualService', `{ hosts: [reviews], http: [${rules.join(', ')}] }`);
const dr = (policy: string) => object('DestinationRule', `{ host: reviews, trafficPolicy: ${policy} }`);
const entry = (fields: string) => object('ServiceEntry', `{ ${fields} }`);

describe('a value where a map belongs: the hint is the map', () => {
  test.each<[string, string, string]>([
    ['uri', vs(`{ match: [{ uri: /b }], ${to} }`), '{ exact: /b }'],
    ['method', vs(`{ match: [{ method: GET }], ${to} }`), '{ exact: GET }'],
    ['a header with a number', vs(`{ match: [{ headers: { x-v: 2 } }], ${to} }`), '{ exact: "2" }'],
    ['allowOrigins', vs(`{ corsPolicy: { allowOrigins: ["*"] }, ${to} }`), '{ exact: "*" }'],
    ['percentage', vs(`{ fault: { abort: { httpStatus: 503, percentage: 10 } }, ${to} }`), '{ value: 10 }'],
    ['port', vs('{ route: [{ destination: { host: reviews, port: 80 } }] }'), '{ number: 80 }'],
    ['destination', vs('{ route: [{ destination: reviews }] }'), '{ host: reviews }'],
    ['loadBalancer', dr('{ loadBalancer: ROUND_ROBIN }'), '{ simple: ROUND_ROBIN }'],
    ['tls', dr('{ tls: ISTIO_MUTUAL }'), '{ mode: ISTIO_MUTUAL }'],
  ])('%s', (_, text, map) => {
    expect(said(text).filter((line) => line.endsWith(`; write ${map}`))).toHaveLength(1);
  });

  test('outboundTrafficPolicy of meshconfig.yaml', () => {
    expect(said('outboundTrafficPolicy: REGISTRY_ONLY\n', 'meshconfig.yaml')).toEqual([
      'WEFT0002 outboundTrafficPolicy: expected a map, got "REGISTRY_ONLY"; write { mode: REGISTRY_ONLY }',
    ]);
  });

  test('a value that no field takes, or several do, has no map', () => {
    expect(said(dr('{ connectionPool: { tcp: 5m } }')).join()).toContain('write a map');
    expect(said(vs('{ route: [{ destination: { host: reviews, port: http } }] }')).join()).toContain('write a map');
  });
});

test('an unknown field is not sent to where only its name is known', () => {
  const named = '{ portLevelSettings: [{ port: { name: http }, tls: { mode: DISABLE } }] }';
  expect(said(dr(named))).toContain(
    'WEFT0002 spec.trafficPolicy.portLevelSettings[0].port: unknown field "name"; write number',
  );
  expect(said(dr(named.replace('name: http', 'number: 80, name: http')))).toEqual([
    'WEFT0002 spec.trafficPolicy.portLevelSettings[0].port: unknown field "name"; known here: number',
  ]);
});

describe('rules that are never reached', () => {
  test('rules that are errors themselves take nothing and are not moved', () => {
    for (const broken of ['{}', '{ route: [] }']) {
      for (const rules of [
        [broken, `{ ${to} }`],
        [`{ ${to} }`, broken],
      ])
        expect(said(vs(...rules)).map((line) => line.slice(0, 8))).toEqual(['WEFT0002']);
    }
  });

  test('rules are named as the file has them, and a second catch-all is not moved', () => {
    expect(said(vs(`{ ${to} }`, `{ match: [{ method: { exact: GET } }], ${to} }`, `{ ${to} }`))).toEqual([
      'WEFT0130 spec.http[1]: spec.http[1] is never reached: spec.http[0] matches every request; move it before spec.http[0] at policies/shop/a.yaml:4',
      'WEFT0130 spec.http[2]: spec.http[2] is never reached: spec.http[0] matches every request; remove it, or give it a match',
    ]);
    const tcp = '{ route: [{ destination: { host: db } }] }';
    expect(said(object('VirtualService', `{ hosts: [db], tcp: [${tcp}, ${tcp}] }`))).toEqual([
      'WEFT0130 spec.tcp[1]: spec.tcp[1] is never reached: spec.tcp[0] takes every connection; remove it, or give it another match',
    ]);
  });
});

describe('one mistake, one finding', () => {
  const ports = 'ports: [{ number: 80, name: http, protocol: HTTP }]';

  test('an address that is none', () => {
    expect(said(entry(`hosts: [a.test], ${ports}, resolution: STATIC, endpoints: [{ address: 1.2.3.999 }]`))).toEqual([
      'WEFT0002 spec.endpoints[0].address: expected an IP address or a host name, got "1.2.3.999"; write an address such as 10.0.0.7, or a name of DNS',
    ]);
    expect(
      said(entry(`hosts: [a.test], ${ports}, resolution: STATIC, endpoints: [{ address: b.test }]`)).join(),
    ).toContain('set resolution: DNS');
  });

  test('the host "*"', () => {
    expect(said(entry(`hosts: ["*"], ${ports}, resolution: DNS`))).toEqual([
      'WEFT0002 spec.hosts[0]: expected a host name or "*.name", got "*"; name the hosts; other destinations pass without an entry',
    ]);
    expect(said(entry(`hosts: ["*.test"], ${ports}, resolution: DNS`)).join()).toContain('set resolution: NONE');
  });

  test.each(['hosts: [a.test, b.test], resolution: DNS', 'hosts: ["*.test"], resolution: DYNAMIC_DNS'])(
    'a protocol that is none, %s',
    (rest) => {
      const typed = (word: string) => said(entry(`${rest}, ports: [{ number: 80, name: a, protocol: ${word} }]`));
      expect(typed('HTPP')).toEqual([
        'WEFT0119 spec.ports[0].protocol: protocol "HTPP" is not supported; did you mean "HTTP"?',
      ]);
      expect(typed('tpc')[0]).toContain('did you mean "tcp"?');
      for (const other of ['UDP', 'SCTP', 'SMTP']) expect(typed(other)[0]).toContain('; use tcp, tls, https');
    },
  );
});

test('a value that is refused for a reason says it after the value', () => {
  const hash = '{ loadBalancer: { consistentHash: { useSourceIp: true, ringHash: { minimumRingSize: 9000000 } } } }';
  expect(said(dr(hash))).toEqual([
    'WEFT0004 spec.trafficPolicy.loadBalancer.consistentHash.ringHash.minimumRingSize: "9000000" is valid in Istio but not supported by Weft: Envoy\'s rings have at most 8388608 entries; remove it',
  ]);
  expect(said(dr('{ loadBalancer: { consistentHash: { httpHeaderName: "a b" } } }')).join()).toContain(
    ': "a b" is valid in Istio',
  );
});

describe('MeshConfig from elsewhere', () => {
  test.each([
    ['install.istio.io/v1alpha1', 'IstioOperator', 'take what is under spec.meshConfig'],
    ['v1', 'ConfigMap', 'take what is under data.mesh'],
    ['v1', 'Service', 'an object has a file of its own'],
  ])('%s/%s in meshconfig.yaml', (apiVersion, kind, hint) => {
    const text = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: x }\nspec: {}\n`;
    expect(said(text, 'meshconfig.yaml')).toEqual([
      `WEFT0002 kind: expected the fields of MeshConfig, got an object of kind ${kind}; ${hint}`,
    ]);
  });

  test('its fields in a file of another name', () => {
    expect(said('connectTimeout: 1s\n', 'mesh-config.yaml')).toEqual([
      'WEFT0002 : expected an object with apiVersion, kind and metadata, got the fields of MeshConfig; write them in policies/meshconfig.yaml',
    ]);
    expect(said('spec: {}\n', 'mesh-config.yaml')).toHaveLength(2);
  });
});

describe('WEFT0138 of rules that match no path', () => {
  test.each(['', 'match: [{ method: { exact: GET } }],'])('%j', (match) => {
    const rules = (uri: string) =>
      said(vs(`{ ${match} rewrite: { uri: ${uri} }, ${to} }`)).filter((line) => /0138/.test(line));
    expect(rules('/v2')).toEqual([
      'WEFT0138 spec.http[0].rewrite.uri: without match[].uri the prefix "/" is rewritten: "/abc" becomes "/v2abc"; write "/v2/", or match by prefix',
    ]);
    expect(rules('/v2/')).toEqual([]);
  });

  test('a path that is matched whole is replaced whole', () => {
    expect(said(vs(`{ match: [{ uri: { exact: /a } }], rewrite: { uri: /v2 }, ${to} }`)).join()).not.toContain('0138');
  });
});

test('an idle timeout of 0 is described as none', () => {
  expect(valueText({ idleTimeout: 0, connectTimeout: 1000 })).toBe('idleTimeout disabled, connectTimeout 1 s');
});
