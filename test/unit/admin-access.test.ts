import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdminServer } from '../../src/admin/admin-server.ts';
import { endpoints } from '../../src/admin/role-table.ts';
import { fakeSource, plantedSecret } from '../support/fake-admin-source.ts';
import { roleTable } from '../support/golden-roles.ts';

const askers: readonly { readonly loopbackReads: boolean; readonly bearer?: string }[] = [
  { loopbackReads: false },
  { loopbackReads: true },
  { loopbackReads: true, bearer: 'wrong' },
  { loopbackReads: true, bearer: 'workload-frontend' },
  { loopbackReads: true, bearer: 'workload-payments' },
  { loopbackReads: false, bearer: 'viewer' },
  { loopbackReads: false, bearer: 'operator' },
  { loopbackReads: false, bearer: 'admin' },
];

const open = createAdminServer(fakeSource(), { loopbackReads: true });
const closed = createAdminServer(fakeSource(), { loopbackReads: false });

beforeAll(async () => {
  await Promise.all([open.ready(), closed.ready()]);
});
afterAll(async () => {
  await Promise.all([open.close(), closed.close()]);
});

function ask(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body?: object,
) {
  return app.inject({ method, url, headers: { host: 'localhost', ...headers }, ...(body ? { payload: body } : {}) });
}

describe('who may ask what (T5)', () => {
  it('is the golden table, for every route', async () => {
    const lines: string[] = [];
    for (const { method, path } of endpoints) {
      const needsProxy = ['/debug/config_dump', '/debug/edsz', '/debug/ir'].includes(path);
      const url = path
        .replace('/tokens/:id', '/tokens/9f2')
        .replace(':id', 'frontend-1.shop')
        .concat(needsProxy ? '?proxyID=frontend-1.shop' : '')
        .concat(path === '/api/v1/describe' ? '?kind=service&name=reviews' : '')
        .concat(['/api/v1/route', '/api/v1/authz', '/api/v1/check'].includes(path) ? '?host=reviews' : '');
      const body =
        url === '/api/v1/tokens' && method === 'POST'
          ? { kind: 'credential', services: ['payments'], namespace: 'shop' }
          : url === '/debug/nackz' && method === 'POST'
            ? { resource: 'in_9080' }
            : url === '/api/v1/certificates/rotation' && method === 'POST'
              ? { step: 'prepare' }
              : undefined;
      const cells: string[] = [];
      for (const { loopbackReads, bearer } of askers) {
        const headers: Readonly<Record<string, string>> =
          bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
        const { statusCode } = await ask(loopbackReads ? open : closed, method, url, headers, body);
        cells.push((statusCode < 300 ? 'ok' : String(statusCode)).padEnd(3));
      }
      lines.push(`${`${method} ${path}`.padEnd(36)} ${cells.join(' ')}`.trimEnd());
    }
    expect(lines.join('\n')).toBe(roleTable.trim());
  });

  it('denies a route that nobody knows as it denies one that exists', async () => {
    expect((await ask(closed, 'GET', '/api/v1/nothing')).statusCode).toBe(401);
    expect((await ask(closed, 'GET', '/api/v1/nothing', { authorization: 'Bearer viewer' })).statusCode).toBe(404);
    expect((await ask(closed, 'GET', '/nothing', { authorization: 'Bearer workload-frontend' })).statusCode).toBe(403);
  });

  it('fails to be made with a route that has no row', () => {
    const app = createAdminServer(fakeSource(), { loopbackReads: false });
    expect(() => app.get('/debug/new', () => 'x')).toThrow(/GET \/debug\/new has no row/);
    expect(() => app.post('/healthz', () => 'x')).toThrow(/POST \/healthz has no row/);
  });

  it('shows a workload nothing of others', async () => {
    const bearer = { authorization: 'Bearer workload-frontend' };
    const proxies = (await ask(open, 'GET', '/api/v1/proxies', bearer)).json();
    expect(proxies.items.map((proxy: { name: string }) => proxy.name)).toEqual(['frontend-1']);
    expect((await ask(open, 'GET', '/debug/syncz', bearer)).body).not.toContain('reviews-2');
    const stranger = await ask(open, 'GET', '/debug/adsz', { authorization: 'Bearer workload-payments' });
    expect(stranger.json()).toEqual({ totalClients: 0, clients: [] });
    const seen = (await ask(open, 'GET', '/debug/sidecarz', bearer)).json();
    expect(seen.map(({ proxy }: { proxy: string }) => proxy)).toEqual(['frontend-1.shop']);
    // Scopes are shared: they tell of others.
    for (const url of ['/debug/ir', '/debug/ir?scope=shop'])
      expect((await ask(open, 'GET', url, bearer)).statusCode).toBe(403);
    const unknown = await ask(open, 'GET', '/api/v1/proxies/nobody.shop/config', bearer);
    const foreign = await ask(open, 'GET', '/api/v1/proxies/reviews-1.shop/config', bearer);
    expect(unknown.statusCode).toBe(403);
    expect(foreign.body).toBe(unknown.body);
  });
});

describe('what a browser page of another site could send (T22)', () => {
  const bearer = { authorization: 'Bearer operator' };
  const refused: readonly Readonly<Record<string, string>>[] = [
    { host: 'evil.example' },
    { host: 'localhost.evil.example' },
    { host: 'localhost:1234' },
    { host: '127.0.0.1:0' },
    { host: '127.0.0.1@evil.example' },
    { host: '127.0.0.2' },
    { host: '0.0.0.0' },
    { host: '[::2]' },
    { host: 'localhost', origin: 'http://evil.example' },
    { host: 'localhost', origin: 'null' },
    { host: 'localhost', origin: 'https://localhost' },
    { host: 'localhost', origin: 'http://localhost:8080' },
    { host: 'localhost', 'sec-fetch-site': 'cross-site' },
    { host: 'localhost', 'sec-fetch-site': 'same-site' },
  ];
  it.each(refused)('refuses %j', async (headers) => {
    const answer = await ask(closed, 'DELETE', '/api/v1/tokens/9f2', { ...bearer, ...headers });
    expect(answer.statusCode).toBe(403);
    expect(answer.json().code).toBe('WEFT0922');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('takes its own origin, and JSON alone', async () => {
    const own = { ...bearer, origin: 'http://localhost', 'sec-fetch-site': 'same-origin' };
    expect((await ask(closed, 'DELETE', '/api/v1/tokens/9f2', own)).statusCode).toBe(200);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const answer = await closed.inject({
        method: 'POST',
        url: '/api/v1/tokens',
        headers: { host: 'localhost', ...own, 'content-type': type },
        payload: '{"kind":"credential","services":["a"],"namespace":"b"}',
      });
      expect(answer.statusCode).toBe(415);
    }
  });

  it('refuses unknown fields, prototypes and large bodies', async () => {
    const post = (payload: string) =>
      closed.inject({
        method: 'POST',
        url: '/api/v1/tokens',
        headers: { host: 'localhost', ...bearer, 'content-type': 'application/json' },
        payload,
      });
    const unknown = await post('{"kind":"credential","services":["a"],"namespace":"b","role":"admin"}');
    expect(unknown.statusCode).toBe(400);
    expect(unknown.json()).toMatchObject({
      kind: 'Error',
      code: 'WEFT0921',
      message: 'unknown field "role" in the body',
    });
    const join = await post('{"kind":"join","services":["a"],"namespace":"b","use":1}');
    expect(join.json().message).toBe('unknown field "use" in the body');
    const kind = await post('{"kind":"enrol","services":["a"],"namespace":"b"}');
    expect(kind.json().message).toBe('body.kind must be equal to one of the allowed values: join, credential');
    expect((await post('{"kind":"credential","uses":1,"services":["a"],"namespace":"b"}')).statusCode).toBe(400);
    expect((await post('{"uses":0,"services":["a"],"namespace":"b"}')).statusCode).toBe(400);
    expect((await post('{"kind":"credential","services":["a"],"namespace":"b","__proto__":{}}')).statusCode).toBe(400);
    expect((await post('{"kind":"person","services":["a"],"namespace":"b"}')).statusCode).toBe(400);
    expect((await post(`{"kind":"${'x'.repeat(300_000)}"}`)).statusCode).toBe(413);
    const query = await closed.inject({ url: '/api/v1/proxies?foo=1', headers: { host: 'localhost', ...bearer } });
    expect(query.statusCode).toBe(400);
  });
});

it('shows a secret to whoever makes a token, and to nobody else (T6)', async () => {
  const bearer = { authorization: 'Bearer admin' };
  for (const { method, path } of endpoints) {
    const url = path.replace(':id', '9f2').concat(path.startsWith('/debug/c') ? '?proxyID=frontend-1.shop' : '');
    const body =
      method === 'POST' && path === '/api/v1/tokens'
        ? { kind: 'credential', services: ['a'], namespace: 'b' }
        : undefined;
    const answer = await ask(closed, method, url, bearer, body);
    expect(answer.body.includes(plantedSecret), path).toBe(body !== undefined);
  }
});
