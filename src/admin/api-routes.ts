import type { FastifyInstance } from 'fastify';
import type { DescribedKind } from '../model/description.ts';
import { Failure } from '../model/failure.ts';
import type { ProxyStatus } from '../model/status.ts';
import { mostUses } from '../model/token-uses.ts';
import type { AdminSource } from './admin-source.ts';
import { actorOf } from './asking-person.ts';
import { commitAnswer } from './commit-answer.ts';
import { apiVersion, envelope, listEnvelope, notFound } from './envelope.ts';
import { policyItems, portItems, serviceItems, workloadItems } from './mesh-values.ts';
import { dumpOf, meshOf, ofProxy, proxiesOf } from './own-view.ts';
import { addRotationRoutes } from './rotation-routes.ts';
import { statusValue } from './status-value.ts';

const pretty = { pretty: { type: 'string' } } as const;
const noQuery = { type: 'object', additionalProperties: false, properties: pretty } as const;
const statusQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { ...pretty, commit: { type: 'string', pattern: '^[0-9a-f]{7,64}$' } },
} as const;
const longestWindow = 3600;
const describeQuery = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'name'],
  properties: {
    ...pretty,
    kind: { type: 'string', enum: ['service', 'workload', 'policy'] },
    name: { type: 'string', minLength: 1, maxLength: 512 },
    namespace: { type: 'string', minLength: 1, maxLength: 63 },
  },
} as const;

/** The stable JSON API under `/api/v1`, in the envelopes of the CLI (section 5 of experience.md). */
export function addApiRoutes(app: FastifyInstance, source: AdminSource): void {
  const list = <Item>(path: string, kind: string, items: () => readonly Item[]) => {
    app.get(path, { schema: { querystring: noQuery } }, () => listEnvelope(kind, items()));
  };
  app.get('/api/v1/version', { schema: { querystring: noQuery } }, () =>
    envelope('Version', { ...source.version, api: apiVersion }),
  );
  app.get<{ Querystring: { commit?: string } }>(
    '/api/v1/status',
    { schema: { querystring: statusQuery } },
    async ({ query: { commit } }) => {
      // Read at one moment: the answer comes of what the rest says.
      const value = statusValue(source);
      return commit === undefined ? value : { ...value, commit: await commitAnswer(source, commit) };
    },
  );
  app.get('/api/v1/proxies', { schema: { querystring: noQuery } }, (request) =>
    listEnvelope<ProxyStatus>('Proxy', proxiesOf(source, request.asker)),
  );
  app.get<{ Params: { id: string } }>('/api/v1/proxies/:id/config', { schema: { querystring: noQuery } }, (request) =>
    dumpOf(source, request.asker, request.params.id),
  );
  app.get<{ Params: { id: string } }>(
    '/api/v1/proxies/:id/provenance',
    { schema: { querystring: noQuery } },
    ({ asker, params }) => listEnvelope('Provenance', ofProxy(source, asker, params.id, source.windows.provenance)),
  );
  app.get<{ Querystring: { kind: DescribedKind; name: string; namespace?: string } }>(
    '/api/v1/describe',
    { schema: { querystring: describeQuery } },
    ({ query: { kind, name: asked, namespace } }) =>
      envelope('Description', { ...source.windows.describe(kind, asked, namespace) }),
  );
  list('/api/v1/services', 'Service', () => serviceItems(meshOf(source), source.proxies()));
  list('/api/v1/workloads', 'Workload', () => workloadItems(meshOf(source)));
  list('/api/v1/policies', 'Policy', () => policyItems(meshOf(source)));
  list('/api/v1/diagnostics', 'Diagnostic', () => source.policies().diagnostics);
  app.get('/api/v1/knowledge', { schema: { querystring: noQuery } }, () =>
    envelope('RegistryKnowledge', { ...source.knowledge() }),
  );
  list('/api/v1/history', 'Revision', () => source.policies().history);
  list('/api/v1/ports', 'Port', () => portItems(meshOf(source)));
  list('/api/v1/settings', 'Setting', () => source.settings());
  list('/api/v1/sources', 'Source', () => source.sources());
  list('/api/v1/audit', 'AuditEvent', () =>
    source.audit().map((event) => ({ ...event, at: new Date(event.at).toISOString() })),
  );
  app.get('/api/v1/certificates', { schema: { querystring: noQuery } }, () => {
    const { certificates, authority, ...rest } = source.certificates();
    return { ...listEnvelope('Certificate', certificates), ...(authority ? { authority } : {}), ...rest };
  });
  addRotationRoutes(app, source);
  app.get<{ Querystring: { windowSeconds: number } }>(
    '/api/v1/edges',
    {
      schema: {
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            ...pretty,
            windowSeconds: { type: 'integer', minimum: 1, maximum: longestWindow, default: 60 },
          },
        },
      },
    },
    (request) => listEnvelope('Edge', source.edges(request.query.windowSeconds * 1000)),
  );
  addTokenRoutes(app, source);
  app.post('/api/v1/sync', { schema: { querystring: noQuery } }, async (request) => {
    await source.refreshPolicies(actorOf(request));
    return statusValue(source);
  });
}

interface TokenBody {
  readonly kind: 'join' | 'credential';
  readonly uses?: number;
  readonly services: readonly [string, ...string[]];
  readonly namespace: string;
  readonly serviceAccount?: string;
  readonly ttlSeconds?: number;
}

/** What is no name, or no time, is told in better words by who makes tokens. */
const name = { type: 'string', maxLength: 63 } as const;
const tokenBody = {
  type: 'object',
  additionalProperties: false,
  required: ['services', 'namespace'],
  properties: {
    kind: { type: 'string', enum: ['join', 'credential'], default: 'join' },
    uses: { type: 'integer', minimum: 1, maximum: mostUses },
    services: { type: 'array', minItems: 1, maxItems: 64, uniqueItems: true, items: name },
    namespace: name,
    serviceAccount: name,
    ttlSeconds: { type: 'integer' },
    cidrs: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 64 } },
    ports: { type: 'array', maxItems: 64, items: { type: 'integer', minimum: 1, maximum: 65535 } },
    labels: { type: 'object', maxProperties: 64, additionalProperties: { type: 'string', maxLength: 63 } },
    group: name,
  },
} as const;

function addTokenRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/api/v1/tokens', { schema: { querystring: noQuery } }, () => listEnvelope('Token', source.tokens.list()));
  app.post<{ Body: TokenBody }>(
    '/api/v1/tokens',
    { schema: { querystring: noQuery, body: tokenBody } },
    async (request, reply) => {
      const { kind, uses, ttlSeconds, ...wanted } = request.body;
      if (kind === 'credential' && uses !== undefined)
        throw new Failure('WEFT0921', 'no token can be made: a credential has no number of uses', 'leave uses out');
      // Section 3 of reliability.md: one use, one hour.
      const seconds = ttlSeconds ?? (kind === 'join' ? 3_600 : undefined);
      const asked = {
        ...wanted,
        ...(kind === 'join' ? { uses: uses ?? 1 } : {}),
        ...(seconds === undefined ? {} : { ttlMilliseconds: seconds * 1000 }),
      };
      const { token, secret } = await source.tokens.create(asked, actorOf(request));
      const { rootCertificates, authority } = source.certificates();
      reply.code(201);
      const { kind: purpose, ...report } = token;
      // The one place where a secret leaves this API: to whoever asked for it, once.
      const made = { ...report, purpose, token: secret.expose(), rootCertificates };
      return envelope('Token', { ...made, ...(authority ? { authority } : {}) });
    },
  );
  app.delete<{ Params: { id: string } }>(
    '/api/v1/tokens/:id',
    { schema: { querystring: noQuery } },
    async (request) => {
      const { id } = request.params;
      if (!(await source.tokens.revoke(id, actorOf(request))))
        throw notFound(`there is no token "${id}"`, 'weft token list shows them');
      return envelope('TokenRevoked', { id });
    },
  );
}
