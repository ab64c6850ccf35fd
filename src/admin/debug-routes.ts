import type { FastifyInstance } from 'fastify';
import type { AdminSource } from './admin-source.ts';
import { actorOf } from './asking-person.ts';
import { debugIndex } from './debug-index.ts';
import { notFound } from './envelope.ts';
import { endpointShards, instances, policyItems, rootNamespaceItem } from './mesh-values.ts';
import { nearest } from './nearest.ts';
import { dumpOf, idOf, meshOf, ofProxy, proxiesOf, requirePerson, streamsOf } from './own-view.ts';
import { endpoints } from './role-table.ts';

const noQuery = { type: 'object', additionalProperties: false, properties: { pretty: { type: 'string' } } } as const;
const proxyQuery = {
  type: 'object',
  additionalProperties: false,
  required: ['proxyID'],
  properties: { pretty: { type: 'string' }, proxyID: { type: 'string', minLength: 1, maxLength: 200 } },
} as const;
const irQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { ...proxyQuery.properties, scope: { type: 'string', minLength: 1, maxLength: 4096 } },
} as const;
const resourceBody = {
  type: 'object',
  additionalProperties: false,
  required: ['resource'],
  properties: { resource: { type: 'string', minLength: 1, maxLength: 1024 } },
} as const;
type ProxyQuery = { Querystring: { proxyID: string } };

const endpointsDump = 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump';

/** The debug endpoints of section 5 of experience.md: Istio's names and, where they mean the same, its shapes. */
export function addDebugRoutes(app: FastifyInstance, source: AdminSource): void {
  const get = (path: string, value: () => unknown) => {
    app.get(path, { schema: { querystring: noQuery } }, () => value());
  };
  app.get('/debug', { schema: { querystring: noQuery } }, (_request, reply) => {
    reply.type('text/html; charset=utf-8').send(debugIndex(source.version));
  });
  get('/debug/list', () => [
    ...new Set(endpoints.map(({ path }) => path).filter((path) => path.startsWith('/debug/'))),
  ]);
  app.get('/debug/syncz', { schema: { querystring: noQuery } }, (request) => {
    const streams = new Map(streamsOf(source, request.asker).map((stream) => [stream.proxyId, stream]));
    return proxiesOf(source, request.asker).map((proxy) => {
      const { types, name: _name, namespace: _namespace, ...rest } = proxy;
      const subscriptions = streams.get(idOf(proxy))?.subscriptions ?? [];
      const byType = Object.entries(types).map(([type, status]) => {
        const found = subscriptions.find((subscription) => subscription.type === type);
        const { sentVersion, sentNonce, sentAt, ackedVersion, ackedAt } = found ?? {};
        return [type, { ...status, sentVersion, sentNonce, sentAt, ackedVersion, ackedAt }];
      });
      return { proxy: idOf(proxy), ...rest, types: Object.fromEntries(byType) };
    });
  });
  app.get('/debug/adsz', { schema: { querystring: noQuery } }, (request) => {
    const clients = streamsOf(source, request.asker);
    return { totalClients: clients.length, clients };
  });
  get('/debug/connections', () => {
    const clients = source.streams().map(({ connection, proxyId, address, connectedSince }) => {
      return { connectionId: connection, proxy: proxyId, address, connectedAt: connectedSince };
    });
    return { totalClients: clients.length, clients };
  });
  get('/debug/nackz', () => source.refused());
  app.post<{ Body: { readonly resource: string } }>(
    '/debug/nackz',
    { schema: { querystring: noQuery, body: resourceBody } },
    (request) => {
      const { resource } = request.body;
      const report = source.release(resource, actorOf(request));
      if (report.released > 0 || report.proxies.length > 0) return report;
      const similar = nearest(
        resource,
        source.refused().map((refused) => refused.resource),
      );
      throw notFound(
        `nothing was refused of "${resource}"`,
        similar === undefined ? 'weft nacks lists what was' : `did you mean "${similar}"?`,
      );
    },
  );
  app.get<ProxyQuery>('/debug/config_dump', { schema: { querystring: proxyQuery } }, (request) =>
    dumpOf(source, request.asker, request.query.proxyID),
  );
  app.get<ProxyQuery>('/debug/edsz', { schema: { querystring: proxyQuery } }, (request) => ({
    configs: dumpOf(source, request.asker, request.query.proxyID).configs.filter(
      (part) => part['@type'] === endpointsDump,
    ),
  }));
  app.get<{ Querystring: { proxyID?: string; scope?: string } }>(
    '/debug/ir',
    { schema: { querystring: irQuery } },
    ({ asker, query: { proxyID, scope } }) => {
      const { windows } = source;
      if (proxyID !== undefined) return ofProxy(source, asker, proxyID, windows.proxyIr);
      requirePerson(asker);
      if (scope === undefined) return { scopes: windows.scopes() };
      const found = windows.scopeIr(scope);
      if (found !== undefined) return found;
      throw notFound(`no proxy is of the scope "${scope}"`, `there are: ${windows.scopes().join(', ') || 'none'}`);
    },
  );
  app.get('/debug/sidecarz', { schema: { querystring: noQuery } }, ({ asker }) => {
    const visible = new Set(proxiesOf(source, asker).map(idOf));
    return source.windows.visibility().filter(({ proxy }) => visible.has(proxy));
  });
  get('/debug/registryz', () =>
    meshOf(source).services.map(({ by, ...service }) => ({
      ...service,
      from: by ? `${by.at.file}:${by.at.line}` : null,
    })),
  );
  get('/debug/endpointShardz', () => endpointShards(meshOf(source)));
  get('/debug/instancesz', () => instances(meshOf(source)));
  get('/debug/configz', () => policyItems(meshOf(source)));
  get('/debug/certz', () => {
    const { authority, authorities, alarms, certificates } = source.certificates();
    return { rotation: source.rotation.status(), authority, authorities, alarms, certificates };
  });
  get('/debug/mesh', () => {
    const mesh = meshOf(source);
    const { generation, policies, services, workloads } = mesh;
    const rootNamespace = rootNamespaceItem(mesh);
    const { rootNamespaceFrom: _, ...settings } = mesh.settings;
    return {
      generation,
      revision: policies.commit,
      rootNamespace,
      settings: { ...settings, rootNamespace: rootNamespace.value },
      objects: policies.objects.length,
      services: services.length,
      workloads: workloads.size,
      replica: source.version.replica,
    };
  });
}
