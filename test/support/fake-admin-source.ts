import type { AdminSource, ConfigDump, TokenReport } from '../../src/admin/admin-source.ts';
import type { AuthorizationAnswer, AuthorizationQuestion } from '../../src/model/authorization-answer.ts';
import type { PairCheck } from '../../src/model/check-answer.ts';
import { type SpiffeId, spiffeId } from '../../src/model/identity.ts';
import { localPortKey, type Mesh } from '../../src/model/mesh.ts';
import type { RotationStatus } from '../../src/model/rotation-status.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Endpoint, Service } from '../../src/model/service.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type {
  ProxyStatus,
  Rejection,
  RevisionStatus,
  TypeStatus,
  WithheldResource,
  XdsType,
} from '../../src/model/status.ts';
import { xdsTypes } from '../../src/model/status.ts';
import { byId, policySet, service, settings, workload } from './registry-values.ts';

export const identityOf = (serviceAccount: string): SpiffeId =>
  spiffeId({ trustDomain: settings.trustDomain, namespace: 'shop', serviceAccount });

/** Strings that must never be seen in an answer, except where a token is made. */
export const plantedSecret = 'weft-canary-6a1f';

/** The id of a token of the true form (`<id>.<secret>.<fingerprint>`) that an operator has. */
export const operatorTokenId = 'operator-tok';

export const revision: RevisionStatus = {
  commit: '4f1c2ab',
  author: 'ana',
  subject: 'reviews: canary to 10%',
  time: '2026-11-22T08:09:00.000Z',
  state: 'Applied',
  errors: 0,
  warnings: 0,
};

export function proxyStatus(name: string, serviceName: string, over: Partial<ProxyStatus> = {}): ProxyStatus {
  const type: TypeStatus = { status: 'SYNCED', version: 'b3f1', nonce: 'n1', resources: 2 };
  return {
    name,
    namespace: 'shop',
    service: serviceName,
    labels: { app: serviceName, version: 'v1' },
    identity: identityOf(serviceName),
    envoyVersion: '1.40.0',
    replica: 'cp-1',
    address: '127.0.0.1',
    connectedSince: '2026-11-22T05:00:00.000Z',
    status: 'SYNCED',
    revision: { serving: '4f1c2ab', wanted: '4f1c2ab' },
    ackMilliseconds: 41,
    types: Object.fromEntries(xdsTypes.map((name) => [name, type])) as Record<XdsType, TypeStatus>,
    ...over,
  };
}

/** reviews-2 of the sample in section 2.3 of experience.md: it refused a listener. */
export function rejectedProxy(): ProxyStatus {
  const base = proxyStatus('reviews-2', 'reviews');
  const error = {
    at: '2026-11-22T08:11:04.000Z',
    message: 'filter chain match rules are duplicated',
    resources: ['in_9080'],
    source: {
      ref: 'RequestAuthentication/shop/reviews-jwt',
      file: 'policies/reviews-jwt.yaml',
      line: 9,
      column: 3,
      commit: '4f1c2ab',
      committedAt: '2026-11-22T08:09:00.000Z',
    },
  };
  const { ackMilliseconds: _none, ...rest } = base;
  return {
    ...rest,
    labels: { app: 'reviews', version: 'v2' },
    status: 'REJECTED',
    revision: { serving: '9ad03e1', wanted: '4f1c2ab' },
    types: { ...base.types, LDS: { ...base.types.LDS, status: 'REJECTED', error, withheld: withheld(error) } },
  };
}

function withheld({ at, message, resources, source }: Rejection): readonly WithheldResource[] {
  return resources.map((resource) => ({
    resource,
    version: 'b3f1',
    served: '77ac',
    refusedBy: 'reviews-2.shop',
    at,
    message,
    ...(source === undefined ? {} : { source }),
  }));
}

/** An equal of reviews-2, which came later and refused nothing. */
export function withheldProxy(name: string): ProxyStatus {
  const { LDS } = rejectedProxy().types;
  const base = proxyStatus(name, 'reviews');
  const error = LDS.error && { ...LDS.error, refusedBy: 'reviews-2.shop' };
  const types = { ...base.types, LDS: { ...LDS, ...(error === undefined ? {} : { error }) } };
  return { ...base, status: 'REJECTED', revision: { serving: '', wanted: '4f1c2ab' }, types };
}

function meshService(name: string, port: number): Service {
  return {
    key: serviceKeyOf('shop', `${name}.shop.svc.cluster.local`),
    namespace: 'shop',
    name,
    host: `${name}.shop.svc.cluster.local`,
    origin: 'service',
    external: false,
    resolution: 'registry',
    addresses: [],
    ports: [{ name: 'http', number: port, protocol: 'http' }],
    exportTo: ['*'],
    subjectAltNames: [],
  };
}

/** Two services, reviews with two workloads behind proxies. */
export function fakeMesh(): Mesh {
  const workloads = byId(
    workload('frontend-1', 'frontend', 19_080),
    workload('reviews-1', 'reviews', 19_081),
    workload('reviews-2', 'reviews', 19_082),
  );
  const services = [meshService('frontend', 9080), meshService('reviews', 9080)];
  const endpointsOf = (name: string): readonly Endpoint[] =>
    [...workloads.values()]
      .filter((item) => item.service === name)
      .map((item) => ({
        workload: item.id,
        address: item.address,
        port: item.ports[0]?.endpointPort ?? 0,
        labels: item.labels,
        weight: 1,
        health: 'healthy' as const,
        ...(item.identity ? { identity: item.identity } : {}),
      }));
  return {
    generation: 7,
    settings,
    policies: policySet(service('reviews')),
    services,
    endpoints: new Map(services.map((item) => [item.key, new Map([[9080, endpointsOf(item.name)]])])),
    workloads,
    localPorts: new Map(services.map((item, index) => [localPortKey(item.key, 9080), 21_000 + index])),
  };
}

const typePrefix = 'type.googleapis.com/envoy.admin.v3.';

/** A config dump of frontend-1: its local port of reviews, and a route of two weighted clusters. */
export function fakeDump(): ConfigDump {
  return {
    configs: [
      {
        '@type': `${typePrefix}ListenersConfigDump`,
        dynamic_listeners: [
          {
            name: 'out_21001',
            active_state: {
              version_info: 'a1',
              listener: {
                name: 'out_21001',
                address: { socket_address: { address: '127.0.0.1', port_value: 21_001 } },
              },
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}RoutesConfigDump`,
        dynamic_route_configs: [
          {
            version_info: 'a2',
            route_config: {
              name: 'reviews.shop_9080',
              virtual_hosts: [
                {
                  name: 'reviews.shop',
                  domains: ['reviews', 'reviews.shop'],
                  routes: [
                    {
                      name: 'Service/shop/reviews[canary]',
                      match: { prefix: '/', headers: [{ name: ':method', string_match: { exact: 'GET' } }] },
                      route: {
                        weighted_clusters: {
                          clusters: [
                            { name: 'reviews.shop_9080_v1', weight: 90 },
                            { name: 'reviews.shop_9080_v2', weight: 10 },
                          ],
                        },
                      },
                    },
                    { match: { path: '/old' }, redirect: { path_redirect: '/new' } },
                  ],
                },
              ],
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}ClustersConfigDump`,
        dynamic_active_clusters: [
          { version_info: 'a3', cluster: { name: 'reviews.shop_9080_v1', type: 'EDS', connect_timeout: '10s' } },
        ],
      },
      {
        '@type': `${typePrefix}EndpointsConfigDump`,
        dynamic_endpoint_configs: [
          {
            endpoint_config: {
              cluster_name: 'reviews.shop_9080_v1',
              endpoints: [
                {
                  lb_endpoints: [
                    {
                      health_status: 'HEALTHY',
                      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 19_081 } } },
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
      {
        '@type': `${typePrefix}SecretsConfigDump`,
        dynamic_active_secrets: [
          { name: 'default', version_info: 'a4', secret: { name: 'default', private_key: '[redacted]' } },
        ],
      },
    ],
  };
}

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
    identity: identityOf('payments'),
    service: 'payments',
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
    knowledge: () => ({ isHistory: true, away: [], ports: [], expected: [], standing: [], callers: [], allowing: [] }),
    refreshPolicies: async () => undefined,
    ...over,
  };
}
