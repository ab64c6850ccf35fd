import { describe, expect, it } from 'vitest';
import type { Diagnostic, Severity } from '../../src/model/diagnostic.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** A bad example beside the one of the code's page (docs/codes): the expected finding stands at the text between ‹ and ›. */
interface Example {
  readonly name: string;
  readonly code: string;
  readonly severity?: Severity;
  readonly yaml: string;
  readonly message: string;
  readonly hint: string;
  readonly field?: string;
  readonly path?: string;
}

function place(marked: string): { text: string; line: number; column: number; endColumn: number } {
  const start = marked.indexOf('‹');
  const end = marked.indexOf('›') - 1;
  const text = marked.replace('‹', '').replace('›', '');
  const before = text.slice(0, start).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return { text, line: before.length, column, endColumn: column + end - start };
}

function parse(text: string, path = 'policies/shop/a.yaml'): readonly Diagnostic[] {
  return parsePolicies([{ path, text }], { commit: '4f1c2ab', rootNamespace: 'istio-system', folders: 'namespace' })
    .diagnostics;
}

const head = (kind: string, group = 'networking.istio.io/v1') =>
  `apiVersion: ${group}\nkind: ${kind}\nmetadata: { name: x }\n`;
const vs = (http: string) => `${head('VirtualService')}spec:\n  hosts: [reviews]\n  http:\n${http}`;
const to = 'route: [{ destination: { host: reviews } }]';
const authz = (spec: string) => `${head('AuthorizationPolicy', 'security.istio.io/v1')}spec:\n${spec}`;
const dr = (spec: string) => `${head('DestinationRule')}spec:\n  host: reviews\n${spec}`;

const examples: readonly Example[] = [
  {
    name: 'tab indentation',
    code: 'WEFT0001',
    yaml: 'a:\n‹\t›b: 1\n',
    message: 'YAML syntax: Tabs are not allowed as indentation',
    hint: 'indent with spaces',
  },
  {
    name: 'a tag of its own',
    code: 'WEFT0001',
    yaml: 'a: ‹!mine› b\n',
    message: 'Unresolved tag',
    hint: 'remove the tag',
  },
  {
    name: 'a key that is a list',
    code: 'WEFT0001',
    yaml: '? ‹[a]›\n: b\n',
    message: 'a key must be a text',
    hint: 'whole file',
  },
  {
    name: 'a field at the wrong place',
    code: 'WEFT0002',
    yaml: vs('  - route:\n    - destination: { host: reviews, ‹weight›: 90 }\n'),
    message: 'unknown field "weight"',
    hint: '"weight" belongs under spec.http[].route[]',
  },
  {
    name: 'more expressions in withoutHeaders than routes can say',
    code: 'WEFT0004',
    yaml: vs(
      `  - match: [{ ‹withoutHeaders›: { ${['a', 'b', 'c', 'd', 'e'].map((name) => `${name}: { regex: x* }`).join(', ')} } }]\n    ${to}\n`,
    ),
    message: '5 expressions are valid in Istio but not supported by Weft',
    hint: 'two matches instead of one would take more requests',
  },
  {
    name: 'a wrong selector form',
    code: 'WEFT0002',
    yaml: authz('  selector: { ‹labels›: { app: x } }\n'),
    message: 'unknown field "labels"',
    hint: 'known here: matchLabels',
  },
  {
    name: 'a number where a text belongs',
    code: 'WEFT0002',
    yaml: dr('  subsets:\n  - name: v1\n    labels: { version: ‹1› }\n'),
    message: 'expected a text, got 1',
    hint: 'write "1"',
  },
  {
    name: 'nothing where a list belongs',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}spec:\n  hosts: [a]\n  ‹http›:\n`,
    message: 'expected a list, got nothing',
    hint: 'remove the key',
  },
  {
    name: 'a required field',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}‹spec›:\n  hosts: [a]\n`,
    message: 'expected "http", "tls" or "tcp", which is required',
    hint: 'add http',
  },
  {
    name: 'a zero timeout (P16)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹0s›\n`),
    message: 'expected at least 1ms, got "0s"',
    hint: 'write at least 1ms',
  },
  {
    name: 'a duration without unit',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹5›\n`),
    message: 'expected a duration',
    hint: 'write 5s for seconds',
  },
  {
    name: 'a duration longer than Envoy counts',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    timeout: ‹9999999h›\n`),
    message: 'expected at most 2562047h, got "9999999h"',
    hint: 'write at most 2562047h',
    field: 'spec.http[0].timeout',
  },
  {
    name: 'a duration longer than any Duration',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { connectionPool: { tcp: { connectTimeout: ‹99999999999h› } } }\n'),
    message: 'expected at most 2562047h',
    hint: 'write at most',
  },
  {
    name: 'a negative duration',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    retries: { attempts: 1, perTryTimeout: ‹-1s› }\n`),
    message: 'expected a duration such as 1.5s or 100ms, in whole milliseconds, got "-1s"',
    hint: 'write a duration',
  },
  {
    name: 'half a millisecond',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    fault: { delay: { fixedDelay: ‹500us›, percentage: { value: 1 } } }\n`),
    message: 'in whole milliseconds, got "500us"',
    hint: 'whole milliseconds',
  },
  {
    name: 'a keepalive shorter than the kernel counts',
    code: 'WEFT0142',
    yaml: dr('  trafficPolicy: { connectionPool: { tcp: { tcpKeepalive: { interval: ‹10ms› } } } }\n'),
    message: 'interval counts as 1s',
    hint: 'write 1s',
  },
  {
    name: 'more keepalive probes than the kernel counts',
    code: 'WEFT0142',
    yaml: dr('  trafficPolicy: { connectionPool: { tcp: { tcpKeepalive: { probes: ‹128› } } } }\n'),
    message: 'probes counts as 127: the kernel takes 0 to 127',
    hint: 'write 127',
  },
  {
    name: 'a connection pool that says nothing',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { ‹connectionPool›: {} }\n'),
    message: 'expected at least one field, got an empty map',
    hint: 'write one of tcp, http, or remove it',
  },
  {
    name: 'two ways to choose the version of HTTP',
    code: 'WEFT0137',
    yaml: dr(
      '  trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE, useClientProtocol: ‹true› } } }\n',
    ),
    message: 'h2UpgradePolicy: UPGRADE and useClientProtocol: true exclude each other',
    hint: 'keep one',
    field: 'spec.trafficPolicy.connectionPool.http.useClientProtocol',
  },
  {
    name: 'two bounds of retries',
    code: 'WEFT0132',
    yaml: dr('  trafficPolicy: { retryBudget: {}, connectionPool: { http: { maxRetries: ‹3› } } }\n'),
    message: 'has no effect beside retryBudget',
    hint: 'keep one',
    field: 'spec.trafficPolicy.connectionPool.http.maxRetries',
  },
  {
    name: 'a deprecated count beside its successor',
    code: 'WEFT0132',
    yaml: dr('  trafficPolicy: { outlierDetection: { consecutiveErrors: ‹3›, consecutiveGatewayErrors: 4 } }\n'),
    message: 'has no effect beside consecutiveGatewayErrors',
    hint: 'remove it',
  },
  {
    name: 'HTTP/2 keepalive without a timeout',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { connectionPool: { http: { ‹http2KeepAlive›: { interval: 5s } } } }\n'),
    message: 'expected "timeout", which is required',
    hint: 'add timeout',
  },
  {
    name: 'a count of local failures without their split',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { outlierDetection: { consecutiveLocalOriginFailures: ‹3› } }\n'),
    message: 'expected splitExternalLocalOriginErrors: true beside consecutiveLocalOriginFailures',
    hint: 'remove the count',
  },
  {
    name: 'an error code that is no status code',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { outlierDetection: { outlierDetectionHttpErrorCodes: [429, ‹600›] } }\n'),
    message: 'expected a whole number from 100 to 599, got 600',
    hint: '100 to 599',
  },
  {
    name: 'a retry budget above all requests',
    code: 'WEFT0002',
    yaml: dr('  trafficPolicy: { retryBudget: { percent: ‹101› } }\n'),
    message: 'expected a percentage from 0 to 100',
    hint: 'write a percentage',
  },
  {
    name: 'two alternatives for a header',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { x-a: ‹"%REQ(a?b?c)%"› } } }\n`),
    message: 'expected %REQ(x-name)%, %REQ(x-name?x-other)% with one alternative, or %REQ(x-name):20%',
    hint: 'write %REQ(x-name)%',
    field: 'spec.http[0].headers.request.set.x-a',
  },
  {
    name: 'a time with a line break',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { response: { add: { x-a: ‹"at %START_TIME(%s%n)%"› } } }\n`),
    message: 'expected %START_TIME% or %START_TIME(%s)%, without a length or a line break',
    hint: 'START_TIME',
  },
  {
    name: 'a percentage above 100 (P17)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    fault: { abort: { httpStatus: 503, percentage: { value: ‹101› } } }\n`),
    message: 'from 0 to 100',
    hint: '0 to 100',
  },
  {
    name: 'a look-ahead (P12)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    match: [{ uri: { regex: ‹"/a(?!b)"› } }]\n`),
    message: 'no look-around',
    hint: 'RE2',
  },
  {
    name: 'all weights zero (P15)',
    code: 'WEFT0002',
    yaml: vs(
      '  - ‹route›:\n    - { destination: { host: a }, weight: 0 }\n    - { destination: { host: b }, weight: 0 }\n',
    ),
    message: 'expected a weight above 0',
    hint: 'weight',
  },
  {
    name: 'an unknown retry condition',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    retries: { attempts: 1, retryOn: ‹"5xx,conect-failure"› }\n`),
    message: '"conect-failure"',
    hint: 'did you mean "connect-failure"?',
  },
  {
    name: 'another pseudo header (P18)',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { ":path": ‹/x› } } }\n`),
    message: 'got ":path"',
    hint: 'rewrite',
  },
  {
    name: 'a lone percent sign',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    headers: { request: { set: { x: ‹100%› } } }\n`),
    message: '"%%"',
    hint: '%%',
  },
  {
    name: 'a group that is not there',
    code: 'WEFT0002',
    yaml: vs(`  - ${to}\n    rewrite: { uriRegexRewrite: { match: "/a(?:b)(c)", rewrite: ‹"/\\\\2"› } }\n`),
    message: 'a group of the expression (it has 1)',
    hint: 'by number',
  },
  {
    name: 'a control character',
    code: 'WEFT0002',
    yaml: vs(`  - redirect: { uri: ‹"/a\\nb"› }\n`),
    message: 'a text without control characters',
    hint: 'control',
  },
  {
    name: 'a Service whose name is no host',
    code: 'WEFT0002',
    yaml: 'apiVersion: v1\nkind: Service\nmetadata: { name: ‹a.b› }\nspec: { selector: { app: x }, ports: [{ name: http, port: 80 }] }\n',
    message: 'expected lower-case letters',
    hint: 'rename it',
  },
  {
    name: 'empty sources (P40)',
    code: 'WEFT0002',
    yaml: authz('  rules: [{ from: [{ ‹source›: {} }] }]\n'),
    message: 'expected at least one field',
    hint: 'principals',
  },
  {
    name: 'an empty from (P40)',
    code: 'WEFT0002',
    yaml: authz('  rules: [{ from: ‹[]› }]\n'),
    message: 'expected at least one entry',
    hint: 'at least one',
  },
  {
    name: 'an unknown condition',
    code: 'WEFT0002',
    yaml: authz('  rules: [{ when: [{ key: ‹source.principle›, values: [a] }] }]\n'),
    message: 'source.principle',
    hint: 'did you mean "source.principal"?',
  },
  {
    name: 'the wildcard host (P5)',
    code: 'WEFT0002',
    yaml: `${head('VirtualService')}spec:\n  hosts: [‹"*"›]\n  http: [{ ${to} }]\n`,
    message: 'got "*"',
    hint: 'names its hosts',
  },
  {
    name: 'an endpoint port that the ServiceEntry has not',
    code: 'WEFT0002',
    yaml: `${head('ServiceEntry')}spec:\n  hosts: [db.example]\n  resolution: STATIC\n  ports: [{ number: 1, name: tcp-a }]\n  endpoints: [{ address: 10.0.0.1, ports: { tcp-b: ‹2› } }]\n`,
    message: 'expected the name of a port of this entry, got "tcp-b"',
    hint: 'did you mean "tcp-a"?',
  },
  {
    name: 'a kind of another group',
    code: 'WEFT0003',
    yaml: 'apiVersion: v1\nkind: ‹Sidecar›\nmetadata: { name: x }\n',
    message: 'unknown kind',
    hint: '"networking.istio.io/v1/Sidecar"',
  },
  {
    name: 'a refused value',
    code: 'WEFT0004',
    yaml: `${head('VirtualService')}spec:\n  hosts: [reviews]\n  gateways: [‹edge›]\n  http: [{ ${to} }]\n`,
    message: '"edge" is valid',
    hint: 'move the object out of this repository',
  },
  {
    name: 'a refused kind',
    code: 'WEFT0004',
    yaml: `apiVersion: networking.istio.io/v1\nkind: ‹Gateway›\nmetadata: { name: x }\nspec: { servers: [] }\n`,
    message: '"Gateway" is valid',
    hint: 'remove it',
  },
  {
    name: 'a refused gateway',
    code: 'WEFT0004',
    yaml: `${head('VirtualService')}spec:\n  hosts: [a]\n  gateways: [mesh, ‹edge›]\n  http: [{ ${to} }]\n`,
    message: '"edge"',
    hint: 'remove it',
    field: 'spec.gateways[1]',
  },
  {
    name: 'gateways alone, without which the object would act on the mesh',
    code: 'WEFT0004',
    yaml: `${head('VirtualService')}spec:\n  hosts: [a]\n  gateways: [‹edge›]\n  http: [{ ${to} }]\n`,
    message: '"edge"',
    hint: 'move the object out of this repository: without gateways it acts on the whole mesh',
    field: 'spec.gateways[0]',
  },
  {
    name: 'a match of a gateway alone',
    code: 'WEFT0004',
    yaml: vs(`  - ${to}\n    match: [{ gateways: [‹edge›] }, { uri: { exact: /a } }]\n`),
    message: '"edge"',
    hint: 'move this match (the rule, if it has no other) out of this repository',
    field: 'spec.http[0].match[0].gateways[0]',
  },
  {
    name: 'a TCP match of a gateway alone',
    code: 'WEFT0004',
    yaml: `${head('VirtualService')}spec:\n  hosts: [a]\n  tcp: [{ match: [{ gateways: [‹edge›] }], ${to} }]\n`,
    message: '"edge"',
    hint: 'move this match (the rule, if it has no other) out of this repository',
  },
  {
    name: 'a secret of Kubernetes',
    code: 'WEFT0004',
    yaml: `${head('DestinationRule')}spec: { host: a.b, trafficPolicy: { tls: { mode: SIMPLE, credentialName: ‹"configmap://a/b"› } } }\n`,
    message: 'configmap://a/b',
    hint: 'secrets.directory',
  },
  {
    name: 'a dry run that is neither',
    code: 'WEFT0002',
    yaml: 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: x, annotations: { istio.io/dry-run: ‹"yes"› } }\nspec: {}\n',
    message: 'expected "true" or "false"',
    hint: 'without the annotation the policy decides',
  },
  {
    name: 'a dry run of what decides nothing',
    code: 'WEFT0137',
    yaml: 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: x, annotations: { istio.io/dry-run: ‹"true"› } }\nspec: { action: AUDIT, rules: [{}] }\n',
    message: 'AUDIT exclude each other',
    hint: 'AUDIT decides nothing',
  },
  {
    name: 'a path template',
    code: 'WEFT0002',
    yaml: authz('  rules: [{ to: [{ operation: { paths: [‹"/a/{**}/{*}"›] } }] }]\n'),
    message: 'expected {**} as the last operator',
    hint: 'only names may follow',
  },
  {
    name: 'a condition on a filter of Envoy',
    code: 'WEFT0004',
    yaml: authz('  rules: [{ when: [{ key: ‹"experimental.envoy.filters.x[a]"›, values: [a] }] }]\n'),
    message: 'experimental.envoy.filters.x[a]',
    hint: 'in an ALLOW policy remove the whole rule',
  },
  {
    name: 'a request principal without an issuer',
    code: 'WEFT0165',
    yaml: authz('  rules: [{ from: [{ source: { requestPrincipals: [‹ann›] } }] }]\n'),
    message: 'a request principal is {issuer}/{subject}',
    hint: 'write "ann/*"',
  },
  {
    name: 'a field of MeshConfig',
    code: 'WEFT0004',
    path: 'policies/meshconfig.yaml',
    yaml: 'enableAutoMtls: true\n‹ingressClass›: istio\n',
    message: 'is valid in Istio',
    hint: 'remove it',
  },
  {
    name: 'a deprecated field',
    code: 'WEFT0005',
    yaml: vs(`  - ${to}\n    mirror: { host: b }\n    ‹mirrorPercent›: 5\n`),
    message: 'is deprecated',
    hint: 'write mirrorPercentage: { value: 5 }',
  },
  {
    name: 'a silencer without reason',
    code: 'WEFT0009',
    yaml: `${head('PeerAuthentication', 'security.istio.io/v1')}‹# weft-ignore WEFT0130›\nspec: {}\n`,
    message: 'gives no reason',
    hint: '# weft-ignore CODE: reason',
  },
  {
    name: 'a word beside which an empty one would do',
    code: 'WEFT0002',
    yaml: `${head('WorkloadGroup')}spec: { template: {}, probe: { httpGet: { port: 80, scheme: ‹gopher› } } }\n`,
    message: 'expected one of HTTP, HTTPS, got "gopher"',
    hint: 'one of HTTP, HTTPS',
  },
  {
    name: 'a silencer of an error',
    code: 'WEFT0009',
    yaml: `${head('PeerAuthentication', 'security.istio.io/v1')}‹# weft-ignore WEFT0002: no›\nspec: {}\n`,
    message: 'cannot be silenced',
    hint: 'mend',
  },
  {
    name: 'an unused allowance',
    code: 'WEFT0009',
    yaml: `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: x, annotations: { weft.dev/allow-unsupported: ‹spec.tls› } }\nspec: { host: a }\n`,
    message: '"spec.tls" allows nothing',
    hint: 'remove it',
  },
  {
    name: 'a name twice',
    code: 'WEFT0011',
    yaml: `${head('DestinationRule')}spec: { host: a }\n---\napiVersion: networking.istio.io/v1beta1\nkind: DestinationRule\nmetadata: { name: ‹x› }\nspec: { host: b }\n`,
    message: 'DestinationRule/shop/x is defined twice',
    hint: 'other: policies/shop/a.yaml:1',
  },
  {
    name: 'a repeated match',
    code: 'WEFT0131',
    yaml: vs(
      `  - match: [{ uri: { prefix: /a } }]\n    ${to}\n  - match: [‹{ uri: { prefix: /a }, name: b }›, { port: 80 }]\n    ${to}\n  - ${to}\n`,
    ),
    message: 'match repeats spec.http[0].match[0]',
    hint: 'remove it; with the last match of a rule remove the rule',
  },
  {
    name: 'two authorities (P18)',
    code: 'WEFT0137',
    yaml: vs(`  - ${to}\n    rewrite: { authority: a }\n    headers: { request: { set: { Host: ‹b› } } }\n`),
    message: 'another rewrite of the authority',
    hint: 'keep one',
  },
  {
    name: 'accounts and principals (P42)',
    code: 'WEFT0137',
    yaml: authz('  rules: [{ from: [{ source: { namespaces: [a], ‹serviceAccounts›: [b] } }] }]\n'),
    message: 'namespaces and serviceAccounts',
    hint: 'give the source a rule of its own, with namespaces in when as values of source.namespace',
  },
  {
    name: 'a selector in the root namespace (P32)',
    code: 'WEFT0156',
    path: 'policies/istio-system/a.yaml',
    yaml: `${head('PeerAuthentication', 'security.istio.io/v1')}spec:\n  ‹selector›: { matchLabels: { app: x } }\n`,
    message: 'has no effect here',
    hint: 'workload',
  },
];

describe('findings in a text', () => {
  it.each(examples)('$code $name', ({ code, severity, yaml, message, hint, field, path }) => {
    const { text, line, column, endColumn } = place(yaml);
    const found = parse(text, path);
    const finding = found.find((one) => one.code === code && one.at.line === line && one.at.column === column);
    const shown = found.map((one) => `${one.at.line}:${one.at.column} ${one.code} ${one.field} ${one.message}`);
    expect(finding, `wanted ${line}:${column}, got\n${shown.join('\n')}`).toBeDefined();
    expect(finding?.at.file).toBe(path ?? 'policies/shop/a.yaml');
    expect(finding?.at.endColumn).toBe(endColumn);
    expect(finding?.severity).toBe(severity ?? diagnosticCodes[code as keyof typeof diagnosticCodes].severity);
    expect(finding?.message).toContain(message);
    expect(finding?.hint).toContain(hint);
    if (field) expect(finding?.field).toBe(field);
    expect(finding?.message).not.toMatch(/\.$/);
  });

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

  const delegating = (annotations: string, kind = 'VirtualService') =>
    `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: x, annotations: { ${annotations} } }\nspec:\n  hosts: [a]\n  http:\n  - ${to}\n    delegate: {}\n`;

  it('serves an object without an allowed field, with a lasting warning', () => {
    const result = parsePolicies(
      [{ path: 'policies/a.yaml', text: delegating('weft.dev/allow-unsupported: "spec.http[0].delegate"') }],
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
