import { describe, expect, it } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { authz, dr, head, parse, to, vs } from '../support/finding-example.ts';

describe('findings in a text', () => {
  it.each([
    ['fields of a shape', vs(`  - ${to}\n    redirect: { uri: /x }\n`), 'route', 7],
    [
      'match and gateways',
      vs(`  - ${to}\n    match:\n    - gateways: [mesh]\n      sourceNamespace: a\n`),
      'gateways',
      9,
    ],
    [
      'two rewrites',
      vs(`  - ${to}\n    rewrite:\n      uri: /b\n      uriRegexRewrite: { match: a, rewrite: b }\n`),
      'uri',
      9,
    ],
    ['two redirects', vs('  - redirect:\n      uri: /b\n      prefixRewrite: /c\n'), 'uri', 8],
    ['no attempts', vs(`  - ${to}\n    retries:\n      attempts: 0\n      perTryTimeout: 1s\n`), 'attempts', 9],
    [
      'accounts and principals',
      authz('  rules:\n  - from:\n    - source:\n        namespaces: [a]\n        serviceAccounts: [b]\n'),
      'namespaces',
      8,
    ],
    [
      'a socket with ports',
      `${head('WorkloadEntry')}spec:\n  address: unix:///tmp/a\n  ports: { http: 80 }\n`,
      'address',
      5,
    ],
    [
      'endpoints of no resolution',
      `${head('ServiceEntry')}spec:\n  hosts: [a.test]\n  resolution: NONE\n  ports: [{ number: 80, name: http }]\n  endpoints: [{ address: 10.0.0.1 }]\n`,
      'resolution',
      6,
    ],
    [
      'two protocols',
      dr(
        '  trafficPolicy:\n    connectionPool:\n      http:\n        h2UpgradePolicy: UPGRADE\n        useClientProtocol: true\n',
      ),
      'h2UpgradePolicy',
      9,
    ],
  ])('WEFT0137 names the other field, too: %s', (_, text, message, line) => {
    const found = parse(text).filter(({ code }) => code === 'WEFT0137');
    expect(found.map(({ related }) => related)).toEqual([[{ file: 'policies/shop/a.yaml', line, message }]]);
  });

  it('reports all findings at once, by file and position', () => {
    const found = parsePolicies(
      [
        { path: 'policies/shop/b.yaml', text: 'kind: a\n' },
        {
          path: 'policies/shop/a.yaml',
          text: `${vs(`  - ${to}\n    timeot: 1s\n    delegate: {}\n`)}---\nspec: 1\n`,
        },
      ],
      { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' },
    );
    expect(found.policies).toBeUndefined();
    expect(found.diagnostics.map(({ at, code }) => `${at.file}:${at.line} ${code}`)).toEqual([
      'policies/shop/a.yaml:8 WEFT0002',
      'policies/shop/a.yaml:9 WEFT0004',
      'policies/shop/a.yaml:11 WEFT0002',
      'policies/shop/a.yaml:11 WEFT0002',
      'policies/shop/b.yaml:1 WEFT0002',
    ]);
  });
});

describe('silencers and allowances', () => {
  const repeated = (comment: string) =>
    vs(`  - route:\n    - { destination: { host: a }, weight: 1 }\n${comment}    - { destination: { host: b } }\n`);

  it('silences a warning on the next line, on its own line, or in the whole document', () => {
    const above = repeated('    # weft-ignore WEFT0134: the canary starts at 0\n');
    const beside = repeated('').replace('host: b } }', 'host: b } } # weft-ignore WEFT0134: canary');
    const whole = `# weft-ignore WEFT0134: canary\n${repeated('')}`;
    for (const text of [above, beside, whole]) expect(parse(text)).toEqual([]);
    expect(parse(repeated('')).map(({ code }) => code)).toEqual(['WEFT0134']);
  });

  it('does not silence other documents of the file', () => {
    const two = `# weft-ignore WEFT0134: canary\n${repeated('')}---\n${repeated('').replace('name: x', 'name: y')}`;
    expect(parse(two).map(({ code }) => code)).toEqual(['WEFT0134']);
  });

  const distributing = (annotations: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: x, annotations: { ${annotations} } }\nspec: { ports: [{ name: http, port: 80 }], trafficDistribution: PreferClose }\n`;

  it('serves an object without an allowed field, with a lasting warning', () => {
    const result = parsePolicies(
      [{ path: 'policies/a.yaml', text: distributing('weft.dev/allow-unsupported: spec.trafficDistribution') }],
      {
        commit: 'x',
        rootNamespace: 'istio-system',
        folders: 'namespace',
      },
    );
    expect(result.diagnostics.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['WEFT0004 warning']);
    expect(result.policies?.objects).toHaveLength(1);
  });

  it('never allows a value without which the object would mean something else', () => {
    const text = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: x, annotations: { weft.dev/allow-unsupported: "spec.gateways[0]" } }\nspec:\n  hosts: [a]\n  gateways: [edge]\n  http: [{ ${to} }]\n`;
    expect(parse(text).map(({ code, severity }) => `${code} ${severity}`)).toEqual([
      'WEFT0009 warning',
      'WEFT0004 error',
    ]);
  });

  it('never allows it in security kinds', () => {
    const text = `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: x, annotations: { weft.dev/allow-unsupported: spec.targetRef } }\nspec: { targetRef: { kind: Gateway, name: a } }\n`;
    expect(parse(text).map(({ code, severity }) => `${code} ${severity}`)).toEqual(['WEFT0004 error']);
  });
});
