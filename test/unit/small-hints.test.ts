import { expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const networking = (kind: string, spec: string, name = 'a') =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

function told(text: string): readonly string[] {
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  return diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, field = '', hint }) => `${code} ${field}: ${hint}`);
}

const route = 'http: [{ route: [{ destination: { host: a } }] }]';

test.each<readonly [string, string, readonly string[]]>([
  [
    'hosts that are no list',
    networking('VirtualService', `{ hosts: reviews, ${route} }`),
    ['WEFT0002 spec.hosts: write [reviews]'],
  ],
  [
    'one port where there is a list of them',
    networking('ServiceEntry', '{ hosts: [a.test], resolution: DNS, ports: 443 }'),
    ['WEFT0002 spec.ports: write [{ number: 443 }]'],
  ],
  [
    'a map that is no list of such',
    networking(
      'VirtualService',
      '{ hosts: [a], http: [{ match: { uri: { prefix: /a } }, route: [{ destination: { host: a } }] }] }',
    ),
    ['WEFT0002 spec.http[0].match: write a list: begin each map in it with "- "'],
  ],
  [
    'numbers in quotes',
    networking(
      'VirtualService',
      '{ hosts: [a], http: [{ route: [{ destination: { host: a }, weight: "90" }], retries: { attempts: "many" } }] }',
    ),
    [
      'WEFT0002 spec.http[0].route[0].weight: write 90 without quotes',
      'WEFT0002 spec.http[0].retries.attempts: write a whole number from 0 to 2147483647',
    ],
  ],
  [
    'a flag in quotes',
    networking('DestinationRule', '{ host: a, trafficPolicy: { tls: { mode: SIMPLE, insecureSkipVerify: "false" } } }'),
    ['WEFT0002 spec.trafficPolicy.tls.insecureSkipVerify: write false without quotes'],
  ],
  [
    'fields beside spec, and of metadata beside it',
    'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a }\nnamespace: shop\nhost: a\nspec: { host: a }\n',
    ['WEFT0002 : "namespace" belongs under metadata', 'WEFT0002 : "host" belongs under spec'],
  ],
  ['no hosts', networking('VirtualService', `{ ${route} }`), ['WEFT0004 spec: add hosts']],
  [
    'an old word, misspelt',
    networking('DestinationRule', '{ host: a, trafficPolicy: { loadBalancer: { simple: LEAST_CON } } }'),
    ['WEFT0002 spec.trafficPolicy.loadBalancer.simple: did you mean "LEAST_REQUEST"?'],
  ],
  [
    'a duration as a number',
    networking('VirtualService', `{ hosts: [a], http: [{ timeout: 5, route: [{ destination: { host: a } }] }] }`),
    ['WEFT0002 spec.http[0].timeout: write 5s for seconds, 5ms for milliseconds'],
  ],
  [
    'a key twice beside another document',
    `${networking('DestinationRule', '{ host: a, host: b }')}---\n${networking('DestinationRule', '{ host: b, trafficPolicy: { loadBalancer: { simple: RANDM } } }', 'b')}`,
    [
      'WEFT0006 : first at line 4; keep one, the rest of the document is checked then',
      'WEFT0002 spec.trafficPolicy.loadBalancer.simple: did you mean "RANDOM"?',
    ],
  ],
])('%s', (_, text, hints) => {
  expect(told(text)).toEqual(hints);
});

test('warnings come beside errors of the same document, unless they may follow from these', () => {
  const all = (http: string) => {
    const text = networking('VirtualService', `{ hosts: [a], http: [${http}] }`);
    const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
      commit: '4f1c2ab',
      rootNamespace: 'istio-system',
      folders: 'namespace',
    });
    return diagnostics.filter(({ severity }) => severity !== 'info').map(({ code, field }) => `${code} ${field}`);
  };
  const redirect = '{ match: [{ uri: { exact: /old } }], redirect: { uri: /new }, timeout: 1s }';
  const wrong = '{ route: [{ destination: { host: a }, wieght: 3 }] }';
  expect(all(`${redirect}, ${wrong}`)).toEqual(['WEFT0132 spec.http[0].timeout', 'WEFT0002 spec.http[1].route[0]']);
  // A weight that is misspelt is not missing.
  const several = '{ route: [{ destination: { host: a }, wieght: 90 }, { destination: { host: b }, weight: 10 }] }';
  expect(all(several)).toEqual(['WEFT0002 spec.http[0].route[0]']);
  // What is misspelt may be what makes the other act.
  expect(all('{ redirec: { uri: /new }, timeout: 1s }')).toEqual(['WEFT0002 spec.http[0]']);
});

test.each<readonly [string, string, readonly string[]]>([
  [
    'without quotes inside { }: a comma ends a value',
    'retries: { attempts: 2, retryOn: 5xx,gatewayerror }',
    ['gatewayerror: a comma ends a value inside { }: write retryOn: "5xx,gatewayerror"'],
  ],
  [
    'several so',
    'retries: { retryOn: 5xx,reset , cancelled, attempts: 2 }',
    [
      'reset: a comma ends a value inside { }: write retryOn: "5xx,reset,cancelled"',
      'cancelled: a comma ends a value inside { }: write retryOn: "5xx,reset,cancelled"',
    ],
  ],
  [
    'a field that is misspelt',
    'retries: { attempts: 2, retryOn: 5xx, retryon: reset }',
    ['retryon: did you mean "retryOn"?'],
  ],
  [
    'a field behind a number',
    'retries: { attempts: 2,reset }',
    ['reset: known here: attempts, perTryTimeout, retryOn, backoff, retryIgnorePreviousHosts, retryRemoteLocalities'],
  ],
  [
    'in quotes',
    "retries: { attempts: 2, retryOn: '5xx,gatewayerror' }",
    ['gatewayerror: did you mean "gateway-error"?'],
  ],
  [
    'with a blank before it',
    'retries: { attempts: 2, retryOn: "5xx, gatewayerror,reset" }',
    [' gatewayerror: did you mean "gateway-error"?'],
  ],
  [
    'where another has it for a part',
    'retries: { attempts: 2, retryOn: "reset-before-request,rest" }',
    ['rest: did you mean "reset"?'],
  ],
  [
    'below',
    'retries:\n        attempts: 2\n        retryOn: 5xx,gatewayerror,reset',
    ['gatewayerror: did you mean "gateway-error"?'],
  ],
  [
    'in a block of text',
    'retries:\n        attempts: 2\n        retryOn: >-\n          5xx,\n          gatewayerror,reset\n      timeout: 1s',
    ['gatewayerror: did you mean "gateway-error"?'],
  ],
  [
    'written otherwise than it reads: the whole text',
    'retries: { attempts: 2, retryOn: "5xx,\\x67atewayerror" }',
    ['"5xx,\\x67atewayerror": did you mean "gateway-error"?'],
  ],
])('a word of retryOn that is none, %s', (_, rule, expected) => {
  const text = networking(
    'VirtualService',
    `\n  hosts: [a]\n  http:\n    - route: [{ destination: { host: a } }]\n      ${rule}\n`,
  );
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  const marked = ({ line, column, endColumn }: (typeof diagnostics)[number]['at']) =>
    text.split('\n')[line - 1]?.slice(column - 1, endColumn - 1);
  expect(diagnostics.map(({ at, hint }) => `${marked(at)}: ${hint}`)).toEqual(expected);
});

test.each<readonly [string, string, string]>([
  [
    'apps/v1',
    'Deployment',
    'remove it: Weft starts no programs; weft run joins one, a WorkloadEntry names one that does not join',
  ],
  [
    'gateway.networking.k8s.io/v1',
    'Gateway',
    'remove it: a program at the edge that joins by weft run calls services as any other does, by VirtualServices without gateways',
  ],
  ['networking.k8s.io/v1', 'NetworkPolicy', 'write who may call as an AuthorizationPolicy'],
  ['v1', 'ConfigMap', 'remove it; the mesh configuration of Istio is meshconfig.yaml here'],
  ['v1', 'Endpoints', 'write a WorkloadEntry for each address, and a Service that selects them'],
  ['networking.istio.io/v2', 'VirtualService', 'did you mean "networking.istio.io/v1/VirtualService"?'],
  [
    'shop/v1',
    'Deployment',
    'known: Service, ServiceEntry, WorkloadEntry, VirtualService, DestinationRule, PeerAuthentication, AuthorizationPolicy, Sidecar, WorkloadGroup, RequestAuthentication, Namespace, HealthCheck',
  ],
])('a kind that is none of Weft, %s %s: what has its place, if anything', (apiVersion, kind, hint) => {
  expect(told(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }\nspec: { unknown: 1 }\n`)).toEqual([
    `WEFT0003 kind: ${hint}`,
  ]);
});
