import { expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { settings } from '../support/registry-values.ts';

const services = `apiVersion: v1
kind: Service
metadata: { name: db }
spec: { selector: { app: db }, ports: [{ name: tcp, port: 5432 }] }
---
apiVersion: v1
kind: Service
metadata: { name: both }
spec: { selector: { app: both }, ports: [{ name: http, port: 80 }, { name: tcp, port: 5432 }] }
`;

const named = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: named }
spec:
  hosts: [named.test, "*.wild.test"]
  ports:
  - { number: 80, name: http, protocol: HTTP }
  - { number: 443, name: tls, protocol: TLS }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: dynamic }
spec: { hosts: ["*.dynamic.test"], resolution: DYNAMIC_DNS, ports: [{ number: 80, name: http, protocol: HTTP }] }
`;

function findings(host: string, trafficPolicy: object) {
  const metadata = { name: 'rule' };
  const rule = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata,
    spec: { host, trafficPolicy },
  };
  const files = [{ path: 'policies/shop/a.yaml', text: `${services}---\n${named}---\n${JSON.stringify(rule)}\n` }];
  const { policies } = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
  if (policies === undefined) throw new Error('not even the text is right');
  const mesh = offlineMesh({ policies, settings });
  const found = checkReferences(policies.objects, mesh.services, undefined, settings);
  return found.filter(({ code, severity }) => code === 'WEFT0132' && severity === 'warning').map(({ field }) => field);
}

const byHeader = { loadBalancer: { consistentHash: { httpHeaderName: 'x-user' } } };
const byAddress = { loadBalancer: { consistentHash: { useSourceIp: true } } };
const requests = {
  connectionPool: { tcp: { maxConnections: 1 }, http: { h2UpgradePolicy: 'UPGRADE' } },
  outlierDetection: { consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [429] },
  retryBudget: { percent: 5 },
};
const policy = 'spec.trafficPolicy';
const onRequests = [
  `${policy}.connectionPool.http`,
  `${policy}.outlierDetection.outlierDetectionHttpErrorCodes`,
  `${policy}.retryBudget`,
];
const at5432 = { port: { number: 5432 } };

test.each<[string, string, object, readonly string[]]>([
  ['a header of connections', 'db', byHeader, ['spec.trafficPolicy.loadBalancer.consistentHash.httpHeaderName']],
  ['their address', 'db', byAddress, []],
  ['bounds, codes and retries of requests', 'db', requests, onRequests],
  ['the same where one port has requests', 'both', requests, []],
  [
    'the same for the port that has none',
    'both',
    { portLevelSettings: [{ ...at5432, connectionPool: requests.connectionPool }] },
    [`${policy}.portLevelSettings[0].connectionPool.http`],
  ],
  [
    'what bounds connections, too',
    'db',
    { connectionPool: { http: { http1MaxPendingRequests: 1 } }, outlierDetection: { consecutive5xxErrors: 2 } },
    [],
  ],
  ['a header where one port has requests', 'both', byHeader, []],
  [
    'a header for the port that has none',
    'both',
    { portLevelSettings: [{ ...at5432, ...byHeader }] },
    ['spec.trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash.httpHeaderName'],
  ],
])('a key of requests where only connections are (WEFT0132): %s', (_name, host, policy, fields) => {
  expect(findings(host, policy)).toEqual(fields);
});

const chosen = (...fields: readonly string[]) => fields.map((field) => `${policy}.loadBalancer.${field}`);

test.each<[string, string, object, readonly string[]]>([
  ['a way of choosing', '*.dynamic.test', { loadBalancer: { simple: 'RANDOM' } }, chosen('simple')],
  ['a ring', '*.dynamic.test', byHeader, chosen('consistentHash')],
  [
    'places and warm-up',
    '*.dynamic.test',
    {
      loadBalancer: {
        simple: 'ROUND_ROBIN',
        warmup: { duration: '10s' },
        localityLbSetting: { failoverPriority: ['zone'] },
      },
    },
    chosen('simple', 'warmup', 'localityLbSetting'),
  ],
  ['a key of requests where server names say who is meant', '*.wild.test', byHeader, chosen('consistentHash')],
  ['what says so itself', '*.dynamic.test', { loadBalancer: { simple: 'PASSTHROUGH' } }, []],
  ['a way of choosing among the addresses of one name', 'named.test', { loadBalancer: { simple: 'RANDOM' } }, []],
  [
    'its port whose requests say who is meant',
    'named.test',
    { portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'RANDOM' } }] },
    [`${policy}.portLevelSettings[0].loadBalancer.simple`],
  ],
  ['what is chosen among endpoints', 'both', { loadBalancer: { simple: 'RANDOM' } }, []],
])('who is called is said by each call (WEFT0132): %s', (_name, host, policy, fields) => {
  expect(findings(host, policy)).toEqual(fields);
});
