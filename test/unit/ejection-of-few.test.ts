import { expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { leastEjectionPercent, mayEject } from '../../src/model/ejection-limit.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { settings } from '../support/registry-values.ts';

/** `api` with so many entries, every other one of version v2, and `bank.example` with three addresses. */
function objects(entries: number): string {
  const service = `apiVersion: v1
kind: Service
metadata: { name: api }
spec: { selector: { app: api }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: bank }
spec:
  hosts: [bank.example]
  resolution: STATIC
  ports: [{ name: http, number: 80, protocol: HTTP }]
  endpoints: [{ address: 192.0.2.1 }, { address: 192.0.2.2 }, { address: 192.0.2.3 }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: far }
spec: { hosts: [far.example], resolution: DNS, ports: [{ name: http, number: 80, protocol: HTTP }] }
`;
  const entry = (index: number) => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: api-${index}, labels: { app: api, version: v${1 + (index % 2)} } }
spec: { address: 10.0.0.${1 + index} }
`;
  return service + Array.from({ length: entries }, (_, index) => entry(index)).join('');
}

function findings(entries: number | undefined, host: string, spec: object) {
  const rule = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'rule' },
    spec: { host, ...spec },
  };
  const files = [{ path: 'policies/shop/a.yaml', text: `${objects(entries ?? 0)}---\n${JSON.stringify(rule)}\n` }];
  const { policies } = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
  if (policies === undefined) throw new Error('not even the text is right');
  const mesh = offlineMesh({ policies, settings });
  const workloads = entries === undefined ? undefined : [...mesh.workloads.values()];
  const found = checkReferences(policies.objects, mesh.services, workloads, settings);
  return found
    .filter(({ code }) => code === 'WEFT0132')
    .map(({ severity, field, message, hint }) => [severity, field, message, hint]);
}

const ofRule = (outlierDetection: object) => ({ trafficPolicy: { outlierDetection } });
const whole = 'spec.trafficPolicy.outlierDetection';
const unwritten = (endpoints: number) =>
  `has no effect: at most 10 % of ${endpoints} endpoints may be held out, which is none (10 counts where maxEjectionPercent is not written)`;

test.each<[string, number, string, object, readonly (readonly string[])[]]>([
  ['four', 4, 'api', ofRule({}), [['warning', whole, unwritten(4), 'write maxEjectionPercent: 25, or more']]],
  ['nine', 9, 'api', ofRule({}), [['warning', whole, unwritten(9), 'write maxEjectionPercent: 12, or more']]],
  ['ten', 10, 'api', ofRule({}), []],
  ['one, whose absence is the end of all', 1, 'api', ofRule({}), []],
  ['nobody yet', 0, 'api', ofRule({}), []],
  ['four, and half of them', 4, 'api', ofRule({ maxEjectionPercent: 50 }), []],
  ['nothing that is counted', 4, 'api', ofRule({ consecutive5xxErrors: 0 }), []],
  ['DNS', 4, 'far.example', ofRule({}), []],
  [
    'three addresses of an entry, and too small a share',
    0,
    'bank.example',
    ofRule({ maxEjectionPercent: 33 }),
    [
      [
        'warning',
        `${whole}.maxEjectionPercent`,
        'has no effect: at most 33 % of 3 endpoints may be held out, which is none',
        'write maxEjectionPercent: 34, or more',
      ],
    ],
  ],
  [
    'a subset of five among ten, and one of its ports',
    10,
    'api',
    {
      ...ofRule({}),
      subsets: [
        {
          name: 'v1',
          labels: { version: 'v1' },
          trafficPolicy: {
            outlierDetection: { consecutive5xxErrors: 3 },
            portLevelSettings: [{ port: { number: 80 }, outlierDetection: { maxEjectionPercent: 20 } }],
          },
        },
      ],
    },
    [
      [
        'warning',
        'spec.subsets[0].trafficPolicy.outlierDetection',
        unwritten(5),
        'write maxEjectionPercent: 20, or more',
      ],
    ],
  ],
])('outlier detection among %s', (_name, entries, host, spec, found) => {
  expect(findings(entries, host, spec)).toEqual(found);
});

test('of files alone, which do not know who joins, it is said what counts', () => {
  expect(findings(undefined, 'api', ofRule({}))).toEqual([
    [
      'info',
      whole,
      'holds out at most 10 % of the endpoints, as maxEjectionPercent is not written: of fewer than 10, none',
      'write maxEjectionPercent: 50, or what may be missing; weft validate --live knows the endpoints',
    ],
  ]);
  expect(findings(undefined, 'api', ofRule({ maxEjectionPercent: 10 }))).toEqual([]);
});

test('the limit is that of Envoy 1.40, as it was measured (docs/decisions/33-load-balancing.md)', () => {
  const measured = { 2: 50, 3: 34, 5: 20, 9: 20, 10: 10 };
  for (const [endpoints, percent] of Object.entries(measured)) expect(mayEject(Number(endpoints), percent)).toBe(true);
  const none = { 2: 34, 3: 20, 5: 11, 9: 11 };
  for (const [endpoints, percent] of Object.entries(none)) expect(mayEject(Number(endpoints), percent)).toBe(false);
  for (let endpoints = 1; endpoints < 200; endpoints += 1) {
    const least = leastEjectionPercent(endpoints);
    expect([mayEject(endpoints, least), mayEject(endpoints, least - 1)]).toEqual([true, false]);
  }
});
