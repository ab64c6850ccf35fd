import { request } from 'node:http';
import { afterAll, expect, it } from 'vitest';
import { createAdminServer, startAdminServer } from '../../src/admin/admin-server.ts';
import type { AdminSource } from '../../src/admin/admin-source.ts';
import { escapeHtml } from '../../src/admin/debug-index.ts';
import { metricsText } from '../../src/admin/metrics-text.ts';
import { nearest } from '../../src/admin/nearest.ts';
import { statusValue } from '../../src/admin/status-value.ts';
import { type EdgeRow, nowhere } from '../../src/model/traffic.ts';
import { fakeSource } from '../support/fake-admin-source.ts';
import { identityOf, revision } from '../support/fake-proxies.ts';

const app = createAdminServer(fakeSource(), { loopbackReads: true, now: () => Date.parse('2026-11-22T08:12:00Z') });
afterAll(() => app.close());

const get = (url: string, other = app) => other.inject({ url, headers: { host: 'localhost' } });

it('answers lists in the envelope of the CLI, indented on request', async () => {
  const plain = await get('/api/v1/proxies');
  expect(plain.json()).toMatchObject({ apiVersion: 'cli.weft.dev/v1', kind: 'ProxyList' });
  expect(plain.body).not.toContain('\n');
  const indented = await get('/api/v1/proxies?pretty');
  expect(indented.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(indented.body).toContain('\n  "items": [');
  expect(indented.json()).toEqual(plain.json());
});

it('shows services with what acts on them', async () => {
  const { items } = (await get('/api/v1/services')).json();
  expect(items[1]).toMatchObject({
    name: 'reviews',
    host: 'reviews.shop.svc.cluster.local',
    workloads: { total: 2, healthy: 2 },
    mtls: 'all',
    since: '2026-11-22T05:00:00.000Z',
  });
  expect((await get('/api/v1/ports')).json().items[1]).toMatchObject({
    name: 'reviews',
    port: 9080,
    localPort: 21_001,
  });
});

it('X38 lists what was refused, with the line that led to it and what to do', async () => {
  const [refused, ...more] = (await get('/debug/nackz')).json();
  expect(more).toEqual([]);
  expect(refused).toMatchObject({
    type: 'LDS',
    resource: 'in_9080',
    refusedVersion: 'b3f1',
    servedVersion: '77ac',
    firstRefusedBy: 'reviews-2.shop',
    refusals: 1,
    withheldFrom: 'equals',
    fix: expect.stringContaining('policies/reviews-jwt.yaml:9'),
  });
});

it('names the nearest proxy, takes a short name where it is clear', async () => {
  expect((await get('/debug/config_dump?proxyID=frontend-1')).json().configs).toHaveLength(5);
  expect((await get('/debug/edsz?proxyID=frontend-1.shop')).json().configs).toHaveLength(1);
  const missing = await get('/api/v1/proxies/reviews-3.shop/config');
  expect(missing.statusCode).toBe(404);
  expect(missing.json()).toEqual({
    apiVersion: 'cli.weft.dev/v1',
    kind: 'Error',
    code: 'WEFT0920',
    message: 'there is no proxy "reviews-3.shop"',
    hint: 'did you mean "reviews-1.shop"?',
  });
});

it('names the nearest of Istio endpoints that have no meaning here', async () => {
  for (const name of ['inject', 'mcsz', 'ambientz', 'krtz', 'clusterz', 'networkz']) {
    const answer = await get(`/debug/${name}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.json().hint).toMatch(/^the nearest is \/debug\/\w+$/);
  }
  expect((await get('/debug/synz')).json().hint).toBe('the nearest is /debug/syncz');
});

it('says 503 before the mesh is loaded, and what is missing (X125)', async () => {
  const loading: Partial<AdminSource> = {
    mesh: () => undefined,
    readiness: () => ({ ready: false, waitingFor: ['policies'] }),
  };
  const early = createAdminServer(fakeSource(loading), { loopbackReads: true });
  const ready = await get('/readyz', early);
  expect([ready.statusCode, ready.json().waitingFor]).toEqual([503, ['policies']]);
  expect((await get('/healthz', early)).statusCode).toBe(200);
  const services = await get('/api/v1/services', early);
  expect([services.statusCode, services.json().code]).toEqual([503, 'WEFT0901']);
  expect((await get('/metrics', early)).statusCode).toBe(200);
  await early.close();
});

it('tells nothing of a bug but that it is one', async () => {
  const errors: object[] = [];
  const broken = createAdminServer(
    fakeSource({
      streams: () => {
        throw new TypeError('inner words');
      },
    }),
    { loopbackReads: true, logger: { info: () => undefined, error: (fields) => errors.push(fields) } },
  );
  const answer = await get('/debug/adsz', broken);
  expect([answer.statusCode, answer.json().code]).toEqual([500, 'WEFT0923']);
  expect(answer.body).not.toContain('inner words');
  expect(errors).toHaveLength(1);
  await broken.close();
});

it('writes Prometheus text', async () => {
  const { body, headers } = await get('/metrics');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'pilot_xds_pushes{type="cds"} 3',
    'pilot_xds{version="0.1.0"} 1',
    'pilot_services 2',
    'weft_proxies{status="SYNCED"} 2',
    'weft_proxies{status="REJECTED"} 1',
    'weft_policy_revision_state{state="Applied"} 1',
    'weft_registry_workloads{source="proxies"} 3',
  ]) {
    expect(body).toContain(`${line}\n`);
  }
  expect(body).toMatch(/weft_event_loop_lag_seconds [\d.e-]+\n/);
  expect((await get('/metrics/mesh')).body).toContain('istio_requests_total');
  const odd = {
    name: 'a',
    help: 'x\ny',
    type: 'gauge',
    samples: [{ labels: { l: 'q"\\\n' }, value: Infinity }],
  } as const;
  expect(metricsText([odd])).toBe('# HELP a x\\ny\n# TYPE a gauge\na{l="q\\"\\\\\\n"} +Inf\n');
});

it('has an index without script or style, under a policy that allows neither', async () => {
  const { body, headers } = await get('/debug');
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(headers['content-security-policy']).toContain("default-src 'self'");
  expect(body).toContain('<a href="/debug/syncz">/debug/syncz</a>');
  expect(body).not.toMatch(/<script|<style|style=| on\w+=/);
  expect(escapeHtml(`<img onerror="x('&')">`)).toBe('&lt;img onerror=&quot;x(&#39;&amp;&#39;)&quot;&gt;');
});

it('sums up the state of the mesh', () => {
  const edge = { from: 'frontend', to: 'payments', protocol: 'http', reporter: 'source' } as const;
  const rows: readonly EdgeRow[] = [
    { ...edge, requests: 300, rps: 5, success: 0.98, split: [], flags: [], codes: [] },
    { ...edge, to: nowhere, requests: 300, rps: 5, success: 0, split: [], flags: [], codes: [] },
    { ...edge, to: 'reviews', requests: 300, rps: 5, success: 1, split: [], flags: [], codes: [] },
  ];
  const certificate = {
    identity: identityOf('reviews'),
    serial: '1',
    notBefore: '2026-11-21T20:00:00Z',
    holders: 2,
    root: 'r1',
  };
  const source = fakeSource({
    edges: () => rows,
    policies: () => ({
      status: {
        repository: '/repo',
        serving: revision,
        pending: { ...revision, state: 'Rejected' },
        objects: 9,
        files: 6,
      },
      history: [],
      diagnostics: [],
    }),
    certificates: () => ({
      rootCertificates: '',
      certificates: [
        { ...certificate, notAfter: '2026-11-22T20:00:00Z', renewsAt: '2026-11-22T09:00:00Z' },
        { ...certificate, notAfter: '2026-11-22T08:00:00Z', renewsAt: '2026-11-22T07:00:00Z' },
      ],
      authorities: [],
      alarms: [],
    }),
  });
  const value = statusValue(source, Date.parse('2026-11-22T08:12:00Z'));
  expect(value.health).toEqual({
    state: 'Degraded',
    reasons: ['payments 98.0% in the last minute (goal 99%)', 'reviews-2.shop refused its configuration'],
  });
  expect(value.proxies).toEqual({
    connected: 3,
    byStatus: { SYNCED: 2, REJECTED: 1 },
    acknowledged: 2,
    ackMilliseconds: 41,
  });
  expect(value.certs).toEqual({ valid: 1, nextRenewal: '2026-11-22T09:00:00Z', alarms: [] });
  expect(value.pending?.state).toBe('Rejected');
});

it('knows what is near', () => {
  expect(nearest('syncs', ['syncz', 'adsz'])).toBe('syncz');
  expect(nearest('reviews', ['frontend-1.shop', 'reviews-2.shop', 'reviews-1.shop'])).toBe('reviews-1.shop');
  expect(nearest('zzzz', ['frontend-1.shop'])).toBeUndefined();
});

it('listens on loopback only, and says whose port it wants', async () => {
  const options = { loopbackReads: true, port: 0 };
  await expect(startAdminServer(fakeSource(), { ...options, address: '0.0.0.0' })).rejects.toMatchObject({
    code: 'WEFT0907',
  });
  const server = await startAdminServer(fakeSource(), { ...options, address: '127.0.0.1' });
  const { port, url } = server;
  expect((await fetch(`${url}/api/v1/status`)).status).toBe(200);
  expect((await fetch(`http://localhost:${port}/healthz`)).status).toBe(200);
  const status = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path: '/healthz', headers: { host } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject).end();
    });
  expect(await status(`127.0.0.1:${port}`)).toBe(200);
  for (const host of ['127.0.0.1', `evil.example:${port}`, `127.0.0.1:${port + 1}`])
    expect(await status(host)).toBe(403);
  const second = startAdminServer(fakeSource(), { ...options, address: '127.0.0.1', port });
  await expect(second).rejects.toMatchObject({ code: 'WEFT0910' });
  await server.close();
});
