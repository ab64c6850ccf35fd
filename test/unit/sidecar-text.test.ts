import { describe, expect, test } from 'vitest';
import type { SidecarSpec } from '../../src/model/sidecar-policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const text = (spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: x, namespace: shop }\nspec: ${spec}\n`;
const read = (spec: string) =>
  parsePolicies([{ path: 'policies/a.yaml', text: text(spec) }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });

const all = '{ hosts: ["*/*"] }';

describe('what may be written', () => {
  test.each<[string, Partial<SidecarSpec>]>([
    [`{ egress: [${all}] }`, { egress: [{ hosts: [{ text: '*/*', namespace: '*', host: '*', excluded: false }] }] }],
    ['{ egress: [], outboundTrafficPolicy: { mode: ALLOW_ANY } }', { outboundTrafficPolicy: 'ALLOW_ANY' }],
    // As in Istio, whose mode has no unset value.
    ['{ outboundTrafficPolicy: {} }', { outboundTrafficPolicy: 'REGISTRY_ONLY' }],
    [
      '{ workloadSelector: { labels: { app: a } }, inboundConnectionPool: { tcp: { maxConnections: 3 } } }',
      { workloadSelector: { app: 'a' }, inboundConnectionPool: { tcp: { maxConnections: 3 } } },
    ],
    // P26: 0 counts as unset.
    [
      '{ inboundConnectionPool: { http: { maxRequestsPerConnection: 0, maxRetries: 4 } } }',
      { inboundConnectionPool: { http: { maxRetries: 4 } } },
    ],
    [
      '{ ingress: [{ port: { number: 9080, protocol: HTTP2 } }, { port: { number: 1, name: tcp-x } }, { port: { number: 2 } }] }',
      { ingress: [{ port: 9080, protocol: 'http2' }, { port: 1, protocol: 'tcp' }, { port: 2 }] },
    ],
    [
      '{ ingress: [{ port: { number: 80, protocol: TCP }, bind: 10.0.0.1, captureMode: NONE, defaultEndpoint: "127.0.0.1:81" }] }',
      { ingress: [{ port: 80, protocol: 'tcp', bind: '10.0.0.1', endpoint: { kind: 'loopback', port: 81 } }] },
    ],
  ])('%s', (spec, expected) => {
    const { policies, diagnostics } = read(spec);
    expect(diagnostics.filter(({ code }) => code !== 'WEFT0118')).toEqual([]);
    const { ingress = [], ...rest } = expected;
    expect(policies?.objects[0]?.spec).toEqual({ ingress, ...rest });
  });

  test.each([
    ['127.0.0.1:8080', { kind: 'loopback', port: 8080 }],
    [':8080', { kind: 'loopback', port: 8080 }],
    ['[::1]:8080', { kind: 'loopback-v6', port: 8080 }],
    ['0.0.0.0:8080', { kind: 'workload', port: 8080 }],
    ['[::]:8080', { kind: 'workload', port: 8080 }],
    ['unix:///run/app.sock', { kind: 'socket', path: '/run/app.sock' }],
    ['unix://@app', { kind: 'socket', path: '@app' }],
  ])('defaultEndpoint %s', (endpoint, expected) => {
    const { policies, diagnostics } = read(
      `{ ingress: [{ port: { number: 80, protocol: HTTP }, defaultEndpoint: "${endpoint}" }] }`,
    );
    expect(diagnostics).toEqual([]);
    expect(policies?.objects[0]?.spec).toMatchObject({ ingress: [{ endpoint: expected }] });
  });

  test('explicit listeners: at a port, at an address, at a socket; the last entry may have none', () => {
    const { policies, diagnostics } = read(`
  egress:
  - { port: { number: 9080, protocol: HTTP, name: http }, hosts: ["./*"] }
  - { port: { number: 5432, name: tcp-db }, bind: "::1", captureMode: DEFAULT, hosts: ["bank/db.bank.svc.cluster.local"] }
  - { port: { protocol: TCP }, bind: "unix:///run/db.sock", hosts: ["bank/DB.bank.svc.cluster.local."] }
  - { hosts: ["*/*", "~bank/*", "~/x.example"] }`);
    expect(diagnostics).toEqual([]);
    const spec = policies?.objects[0]?.spec;
    expect(spec).toMatchObject({
      egress: [
        { listener: { kind: 'port', port: 9080, protocol: 'http', name: 'http' }, hosts: [{ namespace: '.' }] },
        { listener: { kind: 'port', port: 5432, protocol: 'tcp', bind: '::1' } },
        { listener: { kind: 'socket', path: '/run/db.sock' }, hosts: [{ host: 'db.bank.svc.cluster.local' }] },
        {
          hosts: [
            { namespace: '*', host: '*', excluded: false },
            { namespace: 'bank', host: '*', excluded: true },
            { namespace: '*', host: 'x.example', excluded: true },
          ],
        },
      ],
    });
  });
});

/** A listener with the fields given, of one imported host. */
const listener = (fields: string) => `{ egress: [{ ${fields}, hosts: ["*/*"] }] }`;
const entry = (fields: string) => `{ ingress: [{ ${fields} }] }`;
const port = 'port: { number: 80, protocol: HTTP }';

describe('what Istio refuses, is refused with its place', () => {
  test.each([
    ['{}', 'WEFT0002', 'spec'],
    ['{ egress: [], ingress: [] }', 'WEFT0002', 'spec'],
    ['{ workloadSelector: { labels: { app: a } } }', 'WEFT0002', 'spec'],
    [
      `{ workloadSelector: { labels: { app: "a*" } }, egress: [${all}] }`,
      'WEFT0002',
      'spec.workloadSelector.labels.app',
    ],
    [`{ workloadSelector: { matchLabels: { app: a } }, egress: [${all}] }`, 'WEFT0002', 'spec.workloadSelector'],
    [`{ workloadSelector: { labels: { "": a } }, egress: [${all}] }`, 'WEFT0002', 'spec.workloadSelector.labels[""]'],
    ['{ egress: [{}] }', 'WEFT0002', 'spec.egress[0]'],
    ['{ egress: [{ hosts: [] }] }', 'WEFT0002', 'spec.egress[0].hosts'],
    ['{ egress: [{ hosts: [reviews] }] }', 'WEFT0002', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["./reviews"] }] }', 'WEFT0002', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["a/b/c.d"] }] }', 'WEFT0002', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["A/b.c"] }] }', 'WEFT0002', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["/b.c"] }] }', 'WEFT0002', 'spec.egress[0].hosts[0]'],
    [`{ egress: [${all}, { port: { number: 80, protocol: HTTP }, hosts: ["./*"] }] }`, 'WEFT0002', 'spec.egress[0]'],
    [`{ egress: [${all}, ${all}] }`, 'WEFT0002', 'spec.egress[0]'],
    [
      '{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["./*"] }, { port: { number: 80, protocol: HTTP }, hosts: ["./*"] }] }',
      'WEFT0002',
      'spec.egress[1].port.number',
    ],
    [
      '{ egress: [{ port: { protocol: TCP }, bind: "unix:///a", hosts: ["./*"] }, { port: { protocol: TCP }, bind: "unix:///a", hosts: ["./*"] }] }',
      'WEFT0002',
      'spec.egress[1].bind',
    ],
    [listener('port: { number: 0, protocol: TCP }'), 'WEFT0002', 'spec.egress[0].port'],
    [listener('port: { number: 0, protocol: TCP }, bind: 127.0.0.1'), 'WEFT0002', 'spec.egress[0].bind'],
    [listener('port: { number: 0, protocol: TCP }, bind: "unix://run/a"'), 'WEFT0002', 'spec.egress[0].bind'],
    [listener('port: { number: 0, protocol: TCP }, bind: "unix:///run/"'), 'WEFT0002', 'spec.egress[0].bind'],
    [listener('port: { number: 65536, protocol: TCP }'), 'WEFT0002', 'spec.egress[0].port.number'],
    [listener('port: { number: 80, protocol: SMTP }'), 'WEFT0119', 'spec.egress[0].port.protocol'],
    [listener('port: { number: 80, protocol: UDP }'), 'WEFT0119', 'spec.egress[0].port.protocol'],
    [listener('port: { number: 80, protocol: TCP, name: A_b }'), 'WEFT0002', 'spec.egress[0].port.name'],
    [listener('port: { number: 80, protocol: TCP }, bind: localhost'), 'WEFT0002', 'spec.egress[0].bind'],
    [listener('port: { number: 80, protocol: TCP }, captureMode: ALL'), 'WEFT0002', 'spec.egress[0].captureMode'],
    [listener('port: { number: 80, protocol: TCP, targetPort: 81 }'), 'WEFT0002', 'spec.egress[0].port'],
    [entry('bind: 127.0.0.1'), 'WEFT0002', 'spec.ingress[0]'],
    [entry('port: { protocol: HTTP }'), 'WEFT0002', 'spec.ingress[0].port'],
    [entry(`${port}, bind: "unix:///a"`), 'WEFT0002', 'spec.ingress[0].bind'],
    [entry(`${port}, bind: localhost`), 'WEFT0002', 'spec.ingress[0].bind'],
    [entry(`${port}, defaultEndpoint: "10.0.0.1:80"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry(`${port}, defaultEndpoint: "localhost:80"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry(`${port}, defaultEndpoint: "127.0.0.1"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry(`${port}, defaultEndpoint: "127.0.0.1:0"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry(`${port}, defaultEndpoint: "127.0.0.1:65536"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry(`${port}, defaultEndpoint: "unix://app.sock"`), 'WEFT0002', 'spec.ingress[0].defaultEndpoint'],
    [entry('port: { number: 80, protocol: X }'), 'WEFT0119', 'spec.ingress[0].port.protocol'],
    [entry(`${port}, connectionPool: {}`), 'WEFT0002', 'spec.ingress[0].connectionPool'],
    [`{ ingress: [{ ${port} }, { ${port} }] }`, 'WEFT0002', 'spec.ingress[1].port.number'],
    ['{ inboundConnectionPool: {} }', 'WEFT0002', 'spec.inboundConnectionPool'],
    ['{ outboundTrafficPolicy: { mode: ALLOW_ANY_DYNAMIC_DNS } }', 'WEFT0002', 'spec.outboundTrafficPolicy.mode'],
  ])('%s', (spec, code, field) => {
    const { policies, diagnostics } = read(spec);
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    expect(errors.map((found) => [found.code, found.field])).toEqual([[code, field]]);
    expect(errors.every(({ hint }) => hint !== '')).toBe(true);
    expect(policies).toBeUndefined();
  });

  test.each([
    [listener('port: { number: 80, protocol: TCP }, captureMode: IPTABLES'), 'spec.egress[0].captureMode'],
    [listener('port: { number: 80, protocol: HTTP_PROXY }'), 'spec.egress[0].port.protocol'],
    [listener('bind: 127.0.0.2'), 'spec.egress[0].bind'],
    [entry(`${port}, captureMode: IPTABLES`), 'spec.ingress[0].captureMode'],
    [entry(`${port}, tls: { mode: SIMPLE, serverCertificate: /a, privateKey: /b }`), 'spec.ingress[0].tls'],
    [
      '{ outboundTrafficPolicy: { mode: ALLOW_ANY, egressProxy: { host: a.b, port: { number: 80 } } } }',
      'spec.outboundTrafficPolicy.egressProxy',
    ],
  ])('by name what is not served yet: %s', (spec, field) => {
    const { diagnostics } = read(spec);
    expect(diagnostics.map((found) => [found.code, found.field])).toEqual([['WEFT0004', field]]);
  });

  test.each([
    [`{ workloadSelector: {}, egress: [${all}] }`, 'spec.workloadSelector'],
    ['{ egress: [{ hosts: ["./*", "./a.b"] }] }', 'spec.egress[0].hosts[1]'],
    ['{ egress: [{ hosts: ["shop/a.b", "./*"] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["bank/*", "*/*"] }] }', 'spec.egress[0].hosts[0]'],
    ['{ egress: [{ hosts: ["./a.b", "./a.b"] }] }', 'spec.egress[0].hosts[1]'],
    [
      entry('port: { number: 80, protocol: TCP }, connectionPool: { http: { maxRetries: 1 } }'),
      'spec.ingress[0].connectionPool.http',
    ],
    [
      '{ inboundConnectionPool: { http: { h2UpgradePolicy: UPGRADE } } }',
      'spec.inboundConnectionPool.http.h2UpgradePolicy',
    ],
    [
      '{ inboundConnectionPool: { http: { useClientProtocol: true } } }',
      'spec.inboundConnectionPool.http.useClientProtocol',
    ],
  ])('what acts on nothing is told: %s', (spec, field) => {
    const { policies, diagnostics } = read(spec);
    expect(diagnostics.map((found) => [found.code, found.field])).toEqual([['WEFT0132', field]]);
    expect(policies?.objects).toHaveLength(1);
  });

  test.each([
    // A namespace that is named chooses among services of one host (P8): beside a star it means something.
    '{ egress: [{ hosts: ["*/*", "bank/a.b"] }] }',
    '{ egress: [{ hosts: ["./*", "~./a.b"] }] }',
    '{ egress: [{ hosts: ["./*", "bank/*"] }] }',
  ])('and nothing else: %s', (spec) => {
    expect(read(spec).diagnostics).toEqual([]);
  });
});
