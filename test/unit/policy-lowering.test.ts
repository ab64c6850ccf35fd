import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import { provenance } from '../../src/model/policy-provenance.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

function read<K extends Policy['kind']>(
  kind: K,
  text: string,
  path = 'policies/shop/a.yaml',
): Extract<Policy, { kind: K }> {
  const { policies, diagnostics } = parsePolicies([{ path, text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const [object] = policies?.objects ?? [];
  if (object?.kind !== kind) throw new Error(`no ${kind}`);
  return object as Extract<Policy, { kind: K }>;
}

const networking = (kind: string, spec: string) =>
  `apiVersion: networking.istio.io/v1beta1\nkind: ${kind}\nmetadata: { name: x }\nspec:\n${spec}`;
const security = (kind: string, spec: string) =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\n${spec}`;

describe('specs', () => {
  it('VirtualService', () => {
    const object = read(
      'VirtualService',
      networking(
        'VirtualService',
        `  hosts: [reviews]
  gateways: [mesh]
  exportTo: [., bank]
  http:
  - name: canary
    match:
    - { uri: {}, headers: { a: {}, b: { exact: "1" } }, withoutHeaders: { c: { prefix: x }, d: { regex: "*" } }, port: 80, ignoreUriCase: true }
    redirect: { uri: /x }
  - route:
    - { destination: { host: reviews, subset: v1, port: { number: 9080 } }, weight: 9 }
    - { destination: { host: reviews }, weight: 1, headers: { response: { remove: [x] } } }
    timeout: 1.5s
    retries: {}
    fault: { delay: { fixedDelay: 1m30s, percent: 5 }, abort: { grpcStatus: UNAVAILABLE } }
    mirror: { host: shadow }
    rewrite: { uriRegexRewrite: { match: "^/a/(.*)", rewrite: /\\1 } }
    headers: { request: { set: { a: "b" } } }
`,
      ),
    );
    const nothing = { set: {}, add: {}, remove: [] };
    expect(object.spec).toStrictEqual({
      hosts: ['reviews'],
      exportTo: ['.', 'bank'],
      tls: [],
      tcp: [],
      http: [
        {
          name: 'canary',
          match: [
            {
              uri: { kind: 'present' },
              ignoreUriCase: true,
              headers: { a: { kind: 'present' }, b: { kind: 'exact', value: '1' } },
              withoutHeaders: { c: { kind: 'prefix', value: 'x' }, d: { kind: 'present' } },
              queryParams: {},
              port: 80,
              sourceLabels: {},
            },
          ],
          route: [],
          redirect: { uri: '/x', redirectCode: 301 },
          mirrors: [],
        },
        {
          match: [],
          route: [
            { destination: { host: 'reviews', subset: 'v1', port: 9080 }, weight: 9 },
            {
              destination: { host: 'reviews' },
              weight: 1,
              headers: { request: nothing, response: { ...nothing, remove: ['x'] } },
            },
          ],
          rewrite: { uriRegexRewrite: { match: '^/a/(.*)', rewrite: '/\\1' } },
          timeout: 1500,
          retries: { attempts: 0 },
          fault: { delay: { fixedDelay: 90_000, percentage: 5 }, abort: { grpcStatus: 14, percentage: 0 } },
          mirrors: [{ destination: { host: 'shadow' }, percentage: 100 }],
          headers: { request: { ...nothing, set: { a: 'b' } }, response: nothing },
        },
      ],
    });
    expect(object).toMatchObject({
      namespace: 'shop',
      name: 'x',
      commit: '4f1c2ab',
      at: { file: 'policies/shop/a.yaml', line: 1 },
    });
    const lineOf = (field: string) => provenance(object, field).at.line;
    expect([
      lineOf('spec.http[1].timeout'),
      lineOf('spec.http[1].mirrors[0].destination.host'),
      lineOf('spec.http[0].match[0].headers.b'),
    ]).toEqual([16, 19, 11]);
    expect(lineOf('spec.http[1].fault.delay.percentage')).toBe(18);
    expect(object.positions.get('spec.http[1].timeout')).toMatchObject({ column: 14, endColumn: 18 });
  });

  it('DestinationRule: zero is unset in pools only (P26), old words are converted', () => {
    const object = read(
      'DestinationRule',
      networking(
        'DestinationRule',
        `  host: reviews
  trafficPolicy:
    loadBalancer: { simple: LEAST_CONN }
    connectionPool: { tcp: { maxConnections: 0, connectTimeout: 50ms, tcpKeepalive: { time: 10s } }, http: { http2MaxRequests: 5, maxRetries: 0 } }
    outlierDetection: { consecutive5xxErrors: 0, maxEjectionPercent: 0, minHealthPercent: 0 }
    portLevelSettings: [{ port: { number: 80 }, outlierDetection: { consecutiveErrors: 4 } }]
  subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { connectionPool: { tcp: {} } } }]
`,
      ),
    );
    expect(object.spec).toStrictEqual({
      host: 'reviews',
      exportTo: [],
      trafficPolicy: {
        loadBalancer: { simple: 'LEAST_REQUEST' },
        connectionPool: { tcp: { connectTimeout: 50, tcpKeepalive: { time: 10_000 } }, http: { http2MaxRequests: 5 } },
        outlierDetection: { consecutive5xxErrors: 0, splitExternalLocalOriginErrors: false, minHealthPercent: 0 },
        portLevelSettings: [
          {
            port: 80,
            outlierDetection: {
              consecutive5xxErrors: 0,
              consecutiveGatewayErrors: 4,
              splitExternalLocalOriginErrors: false,
            },
          },
        ],
      },
      subsets: [
        {
          name: 'v1',
          labels: { version: 'v1' },
          trafficPolicy: { connectionPool: { tcp: {} }, portLevelSettings: [] },
        },
      ],
    });
  });

  it('Service: protocols of P28', () => {
    const ports = [
      ['{ port: 1, name: http-a }', 'http', true],
      ['{ port: 2, name: httpfoo }', 'tcp', false],
      ['{ port: 3, name: grpc-web-x }', 'grpc-web', true],
      ['{ port: 4, name: x, appProtocol: kubernetes.io/h2c }', 'http2', true],
      ['{ port: 5, name: http-b, appProtocol: tcp }', 'tcp', true],
      ['{ port: 6, name: redis }', 'redis', true],
      ['{ port: 7, name: y, appProtocol: kubernetes.io/ws, targetPort: web }', 'http', true],
    ] as const;
    const text = `apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { type: ClusterIP, selector: { app: x }, ports: [${ports.map(([port]) => port).join(', ')}] }\n`;
    const { spec } = read('Service', text);
    expect(spec.ports.map(({ protocol, declared }) => [protocol, declared])).toEqual(
      ports.map(([, protocol, declared]) => [protocol, declared]),
    );
    expect(spec.ports[6]).toStrictEqual({ name: 'y', port: 7, targetPort: 'web', protocol: 'http', declared: true });
  });

  it('ServiceEntry and WorkloadEntry: defaults (D21), labels of metadata win', () => {
    const entry = read(
      'ServiceEntry',
      networking('ServiceEntry', '  hosts: [API.Example.]\n  ports: [{ number: 443, name: a, protocol: HTTPS }]\n'),
    );
    expect(entry.spec).toStrictEqual({
      hosts: ['api.example'],
      addresses: [],
      ports: [{ name: 'a', port: 443, protocol: 'https', declared: true }],
      location: 'MESH_EXTERNAL',
      resolution: 'NONE',
      endpoints: [],
      exportTo: [],
      subjectAltNames: [],
    });
    const workload = read(
      'WorkloadEntry',
      `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: old, labels: { app: a } }\nspec: { address: 10.0.0.1, labels: { app: b, version: v1 }, locality: eu/a, ports: { http: 80 }, serviceAccount: old, weight: 2 }\n`,
    );
    expect(workload.spec).toStrictEqual({
      address: '10.0.0.1',
      ports: { http: 80 },
      labels: { app: 'a', version: 'v1' },
      serviceAccount: 'old',
      locality: { region: 'eu', zone: 'a', subzone: '' },
      weight: 2,
    });
  });

  it('PeerAuthentication and AuthorizationPolicy', () => {
    const peer = read(
      'PeerAuthentication',
      security(
        'PeerAuthentication',
        'spec: { selector: { matchLabels: { app: x } }, mtls: {}, portLevelMtls: { 80: { mode: DISABLE }, "81": {} } }\n',
      ),
    );
    expect(peer.spec).toStrictEqual({ selector: { app: 'x' }, portLevelMtls: { 80: 'DISABLE' } });
    expect(provenance(peer, 'spec.portLevelMtls.80').at.line).toBe(4);
    expect(
      read('PeerAuthentication', security('PeerAuthentication', 'spec: { selector: {}, mtls: { mode: STRICT } }\n'))
        .spec,
    ).toStrictEqual({ mode: 'STRICT', portLevelMtls: {} });
    expect(read('AuthorizationPolicy', security('AuthorizationPolicy', 'spec: {}\n')).spec).toStrictEqual({
      action: 'ALLOW',
      rules: [],
    });
    expect(read('AuthorizationPolicy', security('AuthorizationPolicy', '')).spec).toStrictEqual({
      action: 'ALLOW',
      rules: [],
    });
    const policy = read(
      'AuthorizationPolicy',
      security(
        'AuthorizationPolicy',
        'spec: { action: DENY, rules: [{}, { to: [{ operation: { ports: ["80"], notMethods: [GET] } }], when: [{ key: source.ip, notValues: [10.0.0.0/8] }] }] }\n',
      ),
    );
    const operation = {
      hosts: [],
      notHosts: [],
      methods: [],
      notMethods: ['GET'],
      paths: [],
      notPaths: [],
      ports: [80],
      notPorts: [],
    };
    expect(policy.spec).toStrictEqual({
      action: 'DENY',
      rules: [
        { from: [], to: [], when: [] },
        { from: [], to: [operation], when: [{ key: 'source.ip', values: [], notValues: ['10.0.0.0/8'] }] },
      ],
    });
  });

  it('namespaces come from the folder, then from metadata, then default (1.4)', () => {
    const text = (namespace: string) =>
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x${namespace} }\n`;
    const stated = text(', namespace: bank');
    expect(read('PeerAuthentication', text(''), 'policies/shop/deep/a.yaml').namespace).toBe('shop');
    expect(read('PeerAuthentication', text(''), 'policies/a.yaml').namespace).toBe('default');
    expect(read('PeerAuthentication', stated, 'policies/a.yaml').namespace).toBe('bank');
    expect(read('PeerAuthentication', stated, 'policies/tests/a.yaml').namespace).toBe('bank');
    const free = parsePolicies([{ path: 'policies/shop/a.yaml', text: stated }], {
      commit: 'x',
      rootNamespace: 'r',
      folders: 'free',
    });
    expect(free.objects.map(({ namespace }) => namespace)).toEqual(['bank']);
  });
});
