import type { AdminSource, TokenReport } from '../../src/admin/admin-source.ts';
import type { AuthorizationAnswer, AuthorizationQuestion } from '../../src/model/authorization-answer.ts';
import type { PairCheck } from '../../src/model/check-answer.ts';
import type { RotationStatus } from '../../src/model/rotation-status.ts';
import { Secret } from '../../src/model/secret.ts';
import { fakeDump } from './fake-dump.ts';
import { fakeMesh } from './fake-mesh.ts';
import { identityOf, proxyStatus, rejectedProxy, revision } from './fake-proxies.ts';

/** Strings that must never be seen in an answer, except where a token is made. */
export const plantedSecret = 'weft-canary-6a1f';

/** The id of a token of the true form (`<id>.<secret>.<fingerprint>`) that an operator has. */
export const operatorTokenId = 'operator-tok';

const steadyRotation: RotationStatus = {
  generation: 1,
  phase: 'steady',
  roots: [],
  proxies: 3,
  acked: 3,
  pending: [],
};

export interface FakeSource extends AdminSource {
  readonly revoked: string[];
}

function fakeAnswer({ host, from = 'caller' }: AuthorizationQuestion): AuthorizationAnswer {
  return { from: { name: from, namespace: 'shop' }, to: { host }, outcome: 'nowhere', notes: [], answers: [] };
}

function fakeCheck(question: AuthorizationQuestion): PairCheck {
  const { host, namespace } = question;
  const from = { name: 'caller', namespace, labels: {} };
  const route = {
    from,
    to: { host },
    outcome: 'pass' as const,
    notes: [],
    candidates: [],
    clusters: [],
    decisions: {},
  };
  return { from: 'caller', to: host, lines: [], route, authorization: fakeAnswer(question) };
}

/**
 * An admin source with the people `viewer`, `operator`, `admin` and workloads whose token is `workload-<service
 * account>`.
 */
export function fakeSource(over: Partial<AdminSource> = {}): FakeSource {
  const revoked: string[] = [];
  const proxies = [proxyStatus('frontend-1', 'frontend'), proxyStatus('reviews-1', 'reviews'), rejectedProxy()];
  const token: TokenReport = {
    id: '9f2',
    kind: 'credential',
    identities: [identityOf('payments')],
    services: ['payments'],
    namespace: 'shop',
    createdAt: '2026-11-22T08:00:00.000Z',
    expires: '2026-11-22T09:00:00.000Z',
    createdBy: 'ana',
    revoked: false,
  };
  return {
    revoked,
    version: { server: '0.1.0', envoy: '1.40.0', replica: 'cp-1' },
    readiness: () => ({ ready: true, waitingFor: [] }),
    includes: async () => false,
    authenticate(bearer) {
      if (bearer === 'viewer' || bearer === 'operator' || bearer === 'admin') return { role: bearer };
      if (bearer.startsWith(`${operatorTokenId}.`)) return { role: 'operator' };
      const [, account] = /^workload-(\w+)$/.exec(bearer) ?? [];
      return account === undefined ? undefined : { workload: identityOf(account) };
    },
    policies: () => ({
      status: { repository: '/repo', serving: revision, objects: 9, files: 6 },
      history: [revision],
      diagnostics: [],
    }),
    mesh: fakeMesh,
    proxies: () => proxies,
    refused: () => [
      {
        type: 'LDS',
        resource: 'in_9080',
        scope: 'reviews-2.shop',
        agent: 'envoy 1.40.0',
        refusedVersion: 'b3f1',
        servedVersion: '77ac',
        message: 'filter chain match rules are duplicated',
        at: '2026-11-22T08:11:04.000Z',
        firstRefusedBy: 'reviews-2.shop',
        refusals: 1,
        withheldFrom: 'equals',
        wanted: true,
        fix: 'change policies/reviews-jwt.yaml:9, or git revert 4f1c2ab: other content is offered at once',
      },
    ],
    release: (resource) =>
      resource === 'in_9080'
        ? { resource, released: 1, proxies: ['reviews-2.shop'] }
        : { resource, released: 0, proxies: [] },
    streams: () => [
      {
        connection: 'c1',
        proxyId: 'frontend-1.shop',
        identity: identityOf('frontend'),
        address: '127.0.0.1:40000',
        connectedSince: '2026-11-22T05:00:00.000Z',
        variant: 'delta',
        node: { id: 'frontend-1.shop', cluster: 'frontend.shop', userAgent: 'envoy 1.40.0' },
        subscriptions: [
          {
            type: 'CDS',
            typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
            status: 'SYNCED',
            wildcard: true,
            names: [],
            resources: 2,
            sentVersion: 'b3f1',
            sentNonce: 'n1',
            sentAt: '2026-11-22T08:09:00.100Z',
            ackedVersion: 'b3f1',
            ackedAt: '2026-11-22T08:09:00.141Z',
          },
        ],
      },
    ],
    windows: {
      provenance: (id) =>
        proxies.some((proxy) => `${proxy.name}.${proxy.namespace}` === id)
          ? [
              {
                resource: 'reviews.shop_9080',
                part: 'Service/shop/reviews[canary]',
                field: 'route',
                ref: 'Service/shop/reviews[canary]',
                file: 'policies/reviews.yaml',
                line: 1,
                now: 'same',
              },
            ]
          : undefined,
      proxyIr: (id) =>
        proxies.some((proxy) => `${proxy.name}.${proxy.namespace}` === id) ? { proxy: id, inbound: [] } : undefined,
      scopeIr: (scope) => (scope === 'shop' ? { scope, view: {} } : undefined),
      scopes: () => ['shop'],
      visibility: () =>
        proxies.map(({ name, namespace }) => ({
          proxy: `${name}.${namespace}`,
          scope: namespace,
          unknownHosts: { value: 'pass', by: 'default:D18' },
          services: [],
        })),
      describe: (kind, name) => ({
        subject: `${kind} ${name}`,
        sections: [{ name: 'rows', rows: [{ text: 'a row' }] }],
      }),
    },
    configDump: (id) => (proxies.some((proxy) => `${proxy.name}.${proxy.namespace}` === id) ? fakeDump() : undefined),
    route: ({ host, method, path }) => ({
      from: { name: 'caller', namespace: 'shop', labels: {} },
      to: { host },
      outcome: 'pass',
      notes: [`${method} ${path}`],
      candidates: [],
      clusters: [],
      decisions: {},
    }),
    authorization: {
      answer: fakeAnswer,
      check: fakeCheck,
      rules: (proxy) => ({ proxy, commit: '4f1c2ab', ports: [] }),
    },
    edges: () => [],
    meshMetrics: () => '# TYPE istio_requests_total counter\n',
    metrics: () => [
      { name: 'pilot_xds_pushes', help: 'Pushes.', type: 'counter', samples: [{ labels: { type: 'cds' }, value: 3 }] },
    ],
    tokens: {
      list: () => [token],
      create: async () => ({ token, secret: new Secret(plantedSecret) }),
      revoke: async (id) => {
        if (id !== token.id) return false;
        revoked.push(id);
        return true;
      },
    },
    certificates: () => ({
      authority: {
        trustDomain: 'demo.mesh',
        rootNotAfter: '2036-11-19T00:00:00.000Z',
        issuerNotAfter: '2027-11-19T00:00:00.000Z',
        fingerprint: 'sha256:6c1f',
      },
      rootCertificates: '-----BEGIN CERTIFICATE-----\n',
      certificates: [],
      authorities: [],
      alarms: [],
    }),
    rotation: {
      status: () => steadyRotation,
      step: async () => steadyRotation,
      distrust: async () => steadyRotation,
    },
    settings: () => [{ key: 'xds.port', value: 15_012, from: 'default' }],
    audit: () => [],
    sources: () => [{ name: 'proxies', workloads: 3, clashes: [] }],
    knowledge: () => ({
      isHistory: true,
      away: [],
      ports: [],
      expected: [],
      standing: [],
      callers: [],
      allowing: [],
      modes: [],
    }),
    refreshPolicies: async () => undefined,
    ...over,
  };
}
