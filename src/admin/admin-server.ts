import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
} from 'fastify';
import type { AuditSink } from '../model/audit-event.ts';
import { Failure } from '../model/failure.ts';
import type { AdminSource } from './admin-source.ts';
import { addApiRoutes } from './api-routes.ts';
import { recordRefused } from './asking-person.ts';
import { addAuthorizationEndpoints } from './authorization-endpoints.ts';
import { addDebugRoutes } from './debug-routes.ts';
import { derivedMetrics, startEventLoopLag } from './derived-metrics.ts';
import { envelope, errorEnvelope, httpStatus, notFound } from './envelope.ts';
import { metricsText } from './metrics-text.ts';
import { nearest } from './nearest.ts';
import { isLoopback, requireOwnOrigin } from './request-origin.ts';
import { type Asker, endpoints, findEndpoint, requireAccess } from './role-table.ts';
import { addRouteEndpoint } from './route-endpoint.ts';

declare module 'fastify' {
  interface FastifyRequest {
    asker: Asker;
  }
}

/** What admin needs of a logger: pino's, or any other of that form. */
export interface AdminLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface AdminOptions {
  /** Whoever comes from loopback reads without a token: `up` and `demo` only (section 3.1 of experience.md). */
  readonly loopbackReads: boolean;
  readonly logger?: AdminLogger;
  /** Hears of what is refused; what is done is written by whoever does it. */
  readonly audit?: AuditSink;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const prometheusText = 'text/plain; version=0.0.4; charset=utf-8';

/** Istio's endpoints that have no meaning here, and what is nearest to each (section 5 of experience.md). */
const istioOnly: Readonly<Record<string, string>> = {
  '/debug/inject': '/debug/config_dump',
  '/debug/mcsz': '/debug/registryz',
  '/debug/ambientz': '/debug/instancesz',
  '/debug/krtz': '/debug/configz',
  '/debug/clusterz': '/debug/mesh',
  '/debug/networkz': '/debug/endpointShardz',
};

/**
 * The admin API as a fastify instance that does not listen yet (section 5 of experience.md; T4, T5, T6, T22 and the limits of section 3
 * of reliability.md). Access is denied by default: the table of endpoints says who may ask what, and a route without a row throws here.
 */
export function createAdminServer(source: AdminSource, options: AdminOptions): FastifyInstance {
  const app = Fastify({
    connectionTimeout: 10_000,
    requestTimeout: 10_000,
    handlerTimeout: 30_000,
    keepAliveTimeout: 72_000,
    bodyLimit: 256 * 1024,
    routerOptions: { maxParamLength: 100 },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    trustProxy: false,
    exposeHeadRoutes: false,
    ajv: { customOptions: { removeAdditional: false } },
    schemaErrorFormatter: (errors, part) => new Error(errors.map((error) => schemaWords(error, part)).join('; ')),
  });
  app.removeContentTypeParser('text/plain');
  app.decorateRequest<Asker>('asker', 'anonymous');
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      if (!findEndpoint(method, route.path))
        throw new Error(`${method} ${route.path} has no row in the table of roles`);
    }
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    requireOwnOrigin({
      method: request.method,
      target: request.raw.url ?? '',
      localPort: request.socket.localPort,
      host: request.headers.host,
      origin: request.headers.origin,
      fetchSite: single(request.headers['sec-fetch-site']),
    });
    const route = request.is404 ? undefined : findEndpoint(request.method, request.routeOptions.url ?? '');
    request.asker = await identify(source, options.loopbackReads, request);
    requireAccess(request.asker, route);
    if (typeof request.query === 'object' && request.query !== null && 'pretty' in request.query) indent(reply);
  });
  app.setErrorHandler<FastifyError | Failure>((error, request, reply) => refuse(error, request, reply, options));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const other =
      istioOnly[path] ??
      nearest(
        path,
        endpoints.map((endpoint) => endpoint.path),
      );
    const why = istioOnly[path] === undefined ? 'there is no' : 'Weft has nothing that answers to';
    const hint = other === undefined ? '/debug lists the addresses' : `the nearest is ${other}`;
    const failure = notFound(`${why} ${request.method} ${path}`, hint);
    reply.code(404).send(errorEnvelope(failure));
  });
  addHealthRoutes(app, source);
  addMetricRoutes(app, source, options.now ?? Date.now);
  addDebugRoutes(app, source);
  addApiRoutes(app, source);
  addRouteEndpoint(app, source);
  addAuthorizationEndpoints(app, source);
  return app;
}

/** A running admin API. */
export interface AdminServer {
  readonly port: number;
  /** `http://127.0.0.1:15014` */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the admin API on a loopback address; port 0 picks a free one. Throws Failure: WEFT0907 address, WEFT0910 port in use. */
export async function startAdminServer(
  source: AdminSource,
  options: AdminOptions & { readonly address: string; readonly port: number },
): Promise<AdminServer> {
  const { address, port } = options;
  if (address !== 'localhost' && !isLoopback(address)) {
    throw new Failure(
      'WEFT0907',
      `the admin API listens on loopback only, not on "${address}"`,
      'set admin.address to 127.0.0.1 and reach it through ssh -L',
      'admin.address',
    );
  }
  const app = createAdminServer(source, options);
  try {
    await app.listen({ host: address, port });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Failure(
      'WEFT0910',
      `port ${port} of ${address} is in use`,
      'stop what uses it, or set admin.port',
      'admin.port',
    );
  }
  const bound = app.server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    port: boundPort,
    url: `http://${host}:${boundPort}`,
    async close() {
      // Idle keep-alive connections would hold the close back for as long as they live.
      app.server.closeIdleConnections();
      await app.close();
    },
  };
}

function addHealthRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/healthz', () => envelope('Health', { ok: true }));
  app.get('/readyz', (_request, reply) => {
    const readiness = source.readiness();
    reply.code(readiness.ready ? 200 : 503).send(envelope('Readiness', readiness));
  });
}

function addMetricRoutes(app: FastifyInstance, source: AdminSource, now: () => number): void {
  const lag = startEventLoopLag();
  app.addHook('onClose', async () => lag.stop());
  app.get('/metrics', (_request, reply) => {
    const own = source.metrics();
    const names = new Set(own.map((family) => family.name));
    const derived = derivedMetrics(source, now()).filter((family) => !names.has(family.name));
    reply.type(prometheusText).send(metricsText([...own, ...derived, lag.read()]));
  });
  app.get('/metrics/mesh', (_request, reply) => {
    reply.type(prometheusText).send(source.meshMetrics());
  });
}

async function identify(source: AdminSource, loopbackReads: boolean, request: FastifyRequest): Promise<Asker> {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    return loopbackReads && isLoopback(request.ip) ? 'loopback-reader' : 'anonymous';
  }
  const [, bearer] = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(authorization) ?? [];
  return (bearer === undefined ? undefined : await source.authenticate(bearer)) ?? 'unknown';
}

function indent(reply: FastifyReply): void {
  reply.type('application/json; charset=utf-8').serializer((value) => `${JSON.stringify(value, null, 2)}\n`);
}

function refuse(
  error: FastifyError | Failure,
  request: FastifyRequest,
  reply: FastifyReply,
  { logger, audit }: Pick<AdminOptions, 'logger' | 'audit'>,
): void {
  const failure = error instanceof Failure ? error : failureOf(error);
  const status = error instanceof Failure ? httpStatus(error) : (error.statusCode ?? 500);
  if (status === 500) logger?.error({ err: error, method: request.method, url: request.url }, 'admin request failed');
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="weft"');
  if (status === 401 || status === 403) {
    const who = typeof request.asker === 'string' ? request.asker : JSON.stringify(request.asker);
    logger?.info({ who, method: request.method, url: request.url, from: request.ip, code: failure.code }, 'refused');
  }
  if (audit !== undefined) recordRefused(audit, request, status, failure);
  reply.code(status).type('application/json; charset=utf-8').send(errorEnvelope(failure));
}

function failureOf(error: FastifyError): Failure {
  if (error.code === 'FST_ERR_HANDLER_TIMEOUT') {
    return new Failure('WEFT0901', 'the answer took longer than 30 s', 'ask again; the log says what is slow');
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new Failure('WEFT0921', error.message.replace(/\.$/, ''), 'correct the request; /debug lists the addresses');
  }
  return new Failure(
    'WEFT0923',
    'the server failed at this request: a bug of Weft',
    'the log of the server has the details',
  );
}

/** A broken rule by the name of what broke it. */
function schemaWords(error: FastifySchemaValidationError, part: string): string {
  const { additionalProperty, allowedValues } = error.params;
  if (typeof additionalProperty === 'string') return `unknown field "${additionalProperty}" in the ${part}`;
  const allowed = Array.isArray(allowedValues) ? `: ${allowedValues.join(', ')}` : '';
  return `${part}${error.instancePath.replaceAll('/', '.')} ${error.message ?? 'is wrong'}${allowed}`;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
