import type { FastifyInstance } from 'fastify';
import type { AuthorizationQuestion } from '../model/authorization-answer.ts';
import { Failure } from '../model/failure.ts';
import type { AdminSource } from './admin-source.ts';
import { envelope } from './envelope.ts';
import { idOf, ofProxy, proxiesOf } from './own-view.ts';
import { headerOf } from './route-endpoint.ts';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const;
/** As long as a path, and a value, may be that expressions are tried on. */
const longestText = 2048;

const authorizationQuery = {
  type: 'object',
  additionalProperties: false,
  required: ['host'],
  properties: {
    pretty: { type: 'string' },
    from: text(300),
    namespace: { ...text(63), default: 'default' },
    host: text(255),
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    method: { ...text(32), default: 'GET' },
    path: { ...text(longestText), default: '/' },
    /** `name: value`, perhaps several. */
    header: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: longestText } },
    address: { type: 'string', anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] },
    /** JSON: an object. */
    claims: text(longestText),
  },
} as const;

interface AuthorizationQuery extends Omit<AuthorizationQuestion, 'headers' | 'claims'> {
  readonly header?: readonly string[];
  readonly claims?: string;
}

const proxyQuery = {
  type: 'object',
  additionalProperties: false,
  properties: { pretty: { type: 'string' }, proxyID: { type: 'string', minLength: 1, maxLength: 200 } },
} as const;

/** Whether a call is let in (weft authz), the way of a call (weft check), and the rules of proxies. */
export function addAuthorizationEndpoints(app: FastifyInstance, source: AdminSource): void {
  const schema = { querystring: authorizationQuery };
  app.get<{ Querystring: AuthorizationQuery }>('/api/v1/authz', { schema }, ({ query }) =>
    envelope('AuthorizationDecision', { ...source.authorization.answer(questionOf(query)) }),
  );
  app.get<{ Querystring: AuthorizationQuery }>('/api/v1/check', { schema }, ({ query }) =>
    envelope('PairCheck', { ...source.authorization.check(questionOf(query)) }),
  );
  app.get<{ Querystring: { proxyID?: string } }>(
    '/debug/authorizationz',
    { schema: { querystring: proxyQuery } },
    ({ asker, query: { proxyID } }) => {
      if (proxyID !== undefined) return ofProxy(source, asker, proxyID, source.authorization.rules);
      return proxiesOf(source, asker).flatMap((proxy) => source.authorization.rules(idOf(proxy)) ?? []);
    },
  );
}

function questionOf({ header = [], claims, ...question }: AuthorizationQuery): AuthorizationQuestion {
  return {
    ...question,
    headers: header.map(headerOf),
    ...(claims === undefined ? {} : { claims: claimsOf(claims) }),
  };
}

function claimsOf(written: string): Readonly<Record<string, unknown>> {
  const wrong = new Failure('WEFT0921', 'claims are no JSON object', 'write claims={"iss":"https://issuer.example"}');
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    throw wrong;
  }
}
