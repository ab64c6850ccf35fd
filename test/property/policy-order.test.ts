import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const networking = 'networking.istio.io/v1';
const security = 'security.istio.io/v1';

/** Objects that use most fields. */
const corpus: readonly Record<string, unknown>[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'reviews', labels: { a: '1', b: '2' } },
    spec: {
      selector: { app: 'reviews', tier: 'back' },
      ports: [
        { name: 'http', port: 9080 },
        { name: 'tcp-x', port: 9081, targetPort: 'x' },
      ],
    },
  },
  {
    apiVersion: networking,
    kind: 'ServiceEntry',
    metadata: { name: 'db' },
    spec: {
      hosts: ['db.example'],
      addresses: ['10.0.0.1'],
      ports: [{ number: 5432, name: 'tcp-sql', protocol: 'TCP' }],
      resolution: 'STATIC',
      endpoints: [{ address: '10.0.0.9', labels: { x: 'y', v: 'w' }, ports: { 'tcp-sql': 5433 } }],
    },
  },
  {
    apiVersion: networking,
    kind: 'WorkloadEntry',
    metadata: { name: 'old', labels: { app: 'reviews' } },
    spec: {
      address: '10.1.1.1',
      labels: { app: 'x', version: 'v1' },
      ports: { http: 8080, admin: 9 },
      weight: 3,
      locality: 'a/b',
    },
  },
  {
    apiVersion: networking,
    kind: 'VirtualService',
    metadata: { name: 'reviews' },
    spec: {
      hosts: ['reviews'],
      http: [
        {
          name: 'c',
          match: [{ headers: { b: { exact: '1' }, a: {} }, uri: { prefix: '/x' } }],
          route: [{ destination: { host: 'reviews', subset: 'v2' } }],
          fault: { delay: { fixedDelay: '1s', percentage: { value: 5 } }, abort: { httpStatus: 503 } },
          headers: { request: { set: { x: '1', y: '2' }, remove: ['z'] } },
        },
        {
          route: [
            { destination: { host: 'reviews', subset: 'v1' }, weight: 9 },
            { destination: { host: 'reviews', subset: 'v2' }, weight: 1 },
          ],
          mirror: { host: 'reviews' },
          timeout: '2s',
          retries: { attempts: 2, retryOn: '5xx,503' },
        },
      ],
      tls: [
        {
          match: [{ sniHosts: ['reviews'], sourceLabels: { b: '1', a: '2' }, port: 443 }],
          route: [{ destination: { host: 'reviews', subset: 'v1' } }],
        },
      ],
      tcp: [
        {
          match: [{ sourceNamespace: 'shop', port: 5432, sourceLabels: { b: '1', a: '2' } }],
          route: [{ weight: 1, destination: { subset: 'v2', host: 'reviews' } }],
        },
      ],
    },
  },
  {
    apiVersion: networking,
    kind: 'DestinationRule',
    metadata: { name: 'reviews' },
    spec: {
      host: 'reviews',
      subsets: [{ name: 'v1', labels: { version: 'v1', app: 'a' } }, { name: 'v2' }],
      trafficPolicy: {
        loadBalancer: { simple: 'RANDOM' },
        connectionPool: {
          tcp: { maxConnections: 4, connectTimeout: '1s' },
          http: { http2MaxRequests: 0, http2KeepAlive: { interval: '5s', timeout: '1s' }, h2UpgradePolicy: 'UPGRADE' },
        },
        outlierDetection: { interval: '5s', consecutive5xxErrors: 0, outlierDetectionHttpErrorCodes: [503, 429] },
        retryBudget: { percent: 10, budgetInterval: '1s' },
        portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'ROUND_ROBIN' } }],
      },
    },
  },
  {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'HealthCheck',
    metadata: { name: 'ready' },
    spec: { host: 'reviews', port: 9080, interval: '5s', http: { path: '/healthz', expect: ['200-299', '404'] } },
  },
  {
    apiVersion: security,
    kind: 'PeerAuthentication',
    metadata: { name: 'p' },
    spec: {
      selector: { matchLabels: { app: 'a', b: 'c' } },
      mtls: { mode: 'STRICT' },
      portLevelMtls: { '80': { mode: 'DISABLE' }, '9000': { mode: 'PERMISSIVE' } },
    },
  },
  {
    apiVersion: security,
    kind: 'AuthorizationPolicy',
    metadata: { name: 'a' },
    spec: {
      action: 'DENY',
      rules: [
        {
          from: [{ source: { principals: ['cluster.local/ns/a/sa/b'], notNamespaces: ['c'] } }],
          to: [{ operation: { paths: ['/x*'], ports: ['80'] } }],
          when: [{ key: 'request.headers[x]', values: ['1'], notValues: ['2'] }],
        },
      ],
    },
  },
];

function shuffled(value: unknown, order: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => ({ rank: order(), key, inner: shuffled(inner, order) }));
  return Object.fromEntries(entries.sort((a, b) => a.rank - b.rank).map(({ key, inner }) => [key, inner]));
}

/** What a PolicySet says, without where it says it. */
function content(texts: readonly string[]): string {
  const files = texts.map((text, index) => ({ path: `policies/shop/${index}.yaml`, text }));
  const { policies, diagnostics } = parsePolicies(files, {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return sorted(policies?.objects.map(({ positions: _, at: __, ...rest }) => rest));
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

describe('P51: order has no meaning', () => {
  it('reads the same from any order of documents, files and keys, as YAML or JSON', () => {
    const expected = content([corpus.map((object) => stringify(object)).join('---\n')]);
    expect(JSON.parse(expected)).toHaveLength(corpus.length);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...corpus], { minLength: corpus.length }),
        fc.infiniteStream(fc.nat()),
        fc.nat(4),
        fc.boolean(),
        (objects, ranks, cut, json) => {
          const order = () => ranks.next().value;
          const texts = objects.map((object) =>
            json ? JSON.stringify(shuffled(object, order)) : stringify(shuffled(object, order)),
          );
          const files = [texts.slice(0, cut), texts.slice(cut)]
            .filter((part) => part.length > 0)
            .map((part) => part.join('\n---\n'));
          expect(content(files)).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads the same from a v1/List', () => {
    const list = { apiVersion: 'v1', kind: 'List', metadata: {}, items: corpus };
    expect(content([JSON.stringify(list)])).toBe(content(corpus.map((object) => stringify(object))));
  });
});

describe('any text at all', () => {
  it('never throws, and finds something or nothing', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            'a',
            ':',
            ' ',
            '\n',
            '-',
            '[',
            ']',
            '{',
            '}',
            '"',
            "'",
            '&a',
            '*a',
            '!',
            '|',
            '>',
            '#',
            '\t',
            '?',
            ',',
            'spec',
            'kind: Service',
            '\u0000',
            '\ufeff',
            '😀',
          ),
        }),
        (text) => {
          const { policies, diagnostics } = parsePolicies([{ path: 'policies/a.yaml', text }], {
            commit: 'x',
            rootNamespace: 'istio-system',
            folders: 'free',
          });
          expect(policies === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
          for (const { at } of diagnostics)
            expect(at.line >= 1 && at.column >= 1 && at.endColumn > at.column).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
