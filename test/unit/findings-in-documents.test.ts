import { it } from 'vitest';
import { authz, type Example, expectFinding, head, to, vs } from '../support/finding-example.ts';

/* Documents, fields and names that nobody knows, and what is refused by name. */

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
    name: 'more expressions in withoutHeaders than routes can say',
    code: 'WEFT0004',
    yaml: vs(
      `  - match: [{ ‹withoutHeaders›: { ${['a', 'b', 'c', 'd', 'e'].map((name) => `${name}: { regex: x* }`).join(', ')} } }]\n    ${to}\n`,
    ),
    message: '5 expressions are valid in Istio but not supported by Weft',
    hint: 'two matches instead of one would take more requests',
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
    name: 'a condition on a filter of Envoy',
    code: 'WEFT0004',
    yaml: authz('  rules: [{ when: [{ key: ‹"experimental.envoy.filters.x[a]"›, values: [a] }] }]\n'),
    message: 'experimental.envoy.filters.x[a]',
    hint: 'in an ALLOW policy remove the whole rule',
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
];

it.each(examples)('$code $name', expectFinding);
