import type { FastifyInstance } from 'fastify';
import { Failure } from '../model/failure.ts';
import type { RouteQuestion } from '../model/route-answer.ts';
import type { AdminSource } from './admin-source.ts';
import { envelope } from './envelope.ts';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const;
/** The longest path, and value, that expressions are tried on here: an answer takes no time from proxies. */
const longestText = 2048;

const routeQuery = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties: {
    pretty: { type: 'string' },
    from: text(200),
    namespace: { ...text(63), default: 'default' },
    host: text(255),
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    method: { ...text(32), default: 'GET' },
    path: { ...text(longestText), default: '/' },
    scheme: { type: 'string', enum: ['http', 'https'] },
    /** Empty: TLS that names no server. */
    serverName: { type: 'string', maxLength: 255 },
    /** `name: value`, perhaps several. */
    header: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: longestText } },
  },
} as const;

/** The question as a query: headers are written `name: value`. */
interface RouteQuery extends Omit<RouteQuestion, 'headers'> {
  readonly header?: readonly string[];
}

/** `GET /api/v1/route`: which rule takes a call, and why (weft route). */
export function addRouteEndpoint(app: FastifyInstance, source: AdminSource): void {
  app.get<{ Querystring: RouteQuery }>('/api/v1/route', { schema: { querystring: routeQuery } }, (request) => {
    const { header = [], ...question } = request.query;
    return envelope('RouteDecision', source.route({ ...question, headers: header.map(headerOf) }));
  });
}

/** `name: value` as its two parts. */
export function headerOf(written: string): readonly [name: string, value: string] {
  const [, name, value = ''] = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/.exec(written) ?? [];
  if (name === undefined)
    throw new Failure('WEFT0921', `"${written}" is no header`, 'write header=x-user%3A%20ana for "x-user: ana"');
  return [name, value.trim()];
}
