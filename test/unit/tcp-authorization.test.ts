import { describe, expect, it } from 'vitest';
import { check, meta, security, service, workload, workloads } from '../support/reference-check.ts';

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
    // Everybody, or all but some, is refused in the handshake.
    ['DENY', '', []],
    ['DENY', toTcp, []],
    ['DENY', 'from: [{ source: { notPrincipals: [cluster.local/ns/shop/sa/frontend] } }]', []],
    ['DENY', 'when: [{ key: source.namespace, notValues: [shop] }]', []],
    ['DENY', 'from: [{ source: { notPrincipals: ["*"], ipBlocks: [10.0.0.0/8] } }]', ['WEFT0164']],
    ['DENY', 'from: [{ source: { notIpBlocks: [10.0.0.0/8] } }]', ['WEFT0164']],
    ['DENY', 'when: [{ key: source.namespace, values: [shop], notValues: [bank] }]', ['WEFT0164']],
    // WEFT0153: the rule is dropped, or narrower than written.
    ['ALLOW', 'to: [{ operation: { ports: ["80"], methods: [GET] } }, { operation: { ports: ["9025"] } }]', []],
    ['ALLOW', 'to: [{ operation: { methods: [GET] } }, { operation: { ports: ["9025"] } }]', ['WEFT0153']],
    ['ALLOW', 'to: [{ operation: { methods: [GET] } }], when: [{ key: destination.port, values: ["80"] }]', []],
    ['ALLOW', `${toTcp}, when: [{ key: "request.headers[x]", values: [a] }]`, ['WEFT0153']],
    ['DENY', 'to: [{ operation: { ports: ["80"], methods: [GET] } }]', []],
    ['DENY', 'to: [{ operation: { methods: [GET] } }]', ['WEFT0153']],
    ['DENY', `${frontend}, to: [{ operation: { methods: [GET] } }]`, ['WEFT0164', 'WEFT0153']],
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

  it('of files alone a port counts as the Service says all of whose workloads are selected', () => {
    const written = (selector: string, rule = 'to: [{ operation: { paths: [/a] } }]', own = ports) =>
      check(
        own +
          security(
            'AuthorizationPolicy',
            'a',
            `  selector: { matchLabels: { ${selector} } }\n  rules: [{ ${rule} }]\n`,
          ),
        'no registry',
      )
        .found.map(({ code, message }) => `${code} ${message}`)
        .filter((text) => /WEFT01(53|64)/.test(text));
    expect(written('app: reviews')).toEqual([
      'WEFT0153 HTTP field paths on TCP port 9025; the rule then allows nothing',
    ]);
    expect(written('app: reviews', 'from: [{ source: { ipBlocks: [10.0.0.0/8] } }]')).toEqual([
      expect.stringContaining('WEFT0164 ALLOW rule on TCP port 9025'),
    ]);
    expect(written('app: reviews, version: v1')).toEqual([]);
    expect(written('app: other')).toEqual([]);
    // Which port a name means, its workload says.
    const named = service('reviews', '{ name: tcp-b, port: 9025, targetPort: feed }');
    expect(written('app: reviews', undefined, named)).toEqual([]);
    const aimed = service('reviews', '{ name: tcp-b, port: 9025, targetPort: 7 }');
    expect(written('app: reviews', undefined, aimed)[0]).toContain('TCP port 7;');
  });

  it('a port that no Service names counts as its workload declares it', () => {
    const own = workload('reviews', { app: 'reviews' }, { ports: [{ port: 7, endpointPort: 7, protocol: 'tcp' }] });
    expect(codesOf('DENY', `${frontend}, to: [{ operation: { ports: ["7"] } }]`, [own])).toEqual(['WEFT0164']);
  });
});
