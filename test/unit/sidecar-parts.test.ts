import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { countersSince, diagnoseConnection } from '../../src/sidecar/diagnose-connection.ts';
import { parseStats } from '../../src/sidecar/envoy-admin.ts';
import { freePort, preferredPort } from '../../src/sidecar/free-port.ts';
import { portState } from '../../src/sidecar/port-owner.ts';
import { readinessOf, servedCertificate } from '../../src/sidecar/readiness.ts';
import { parseRefusal } from '../../src/sidecar/refusal.ts';
import { activeRequests } from '../../src/sidecar/stop-sequence.ts';
import { selfSigned } from '../support/self-signed.ts';

const stats = (values: Readonly<Record<string, number>>) => new Map(Object.entries(values));

describe('diagnoseConnection (E4)', () => {
  const refused =
    '[x][1][warning][config] [f.h:1] DeltaAggregatedResources gRPC config stream to xds closed since 5s ago: 16, WEFT0203 no; fix: do{via_upstream}';
  test.each<[string, Readonly<Record<string, number>>, readonly string[], string | undefined]>([
    ['nothing happened yet', {}, [], undefined],
    [
      'connected, whatever was before',
      { 'control_plane.connected_state': 1, 'cluster.xds.ssl.fail_verify_error': 3 },
      [refused],
      undefined,
    ],
    [
      'a CA before the failed connection it also counts as',
      { 'cluster.xds.ssl.fail_verify_error': 1, 'cluster.xds.upstream_cx_connect_fail': 1 },
      [],
      'WEFT0304',
    ],
    ['a refusal', { 'control_plane.connected_state': 0 }, [refused], 'WEFT0203'],
    ['a closed port', { 'cluster.xds.upstream_cx_connect_fail': 1 }, [], 'WEFT0901'],
    ['a stream that ended in peace', {}, ['gRPC config stream to xds closed: 14, upstream connect error'], undefined],
  ])('%s', (_name, counters, lines, code) => {
    expect(diagnoseConnection(stats(counters), lines, 'cp:15012')?.code).toBe(code);
  });

  test('what was counted before the last connection does not count', () => {
    const before = stats({ 'cluster.xds.upstream_cx_connect_fail': 4, 'control_plane.connected_state': 1 });
    const now = stats({ 'cluster.xds.upstream_cx_connect_fail': 4, 'control_plane.connected_state': 0 });
    expect(countersSince(before, now)).toEqual(
      stats({ 'cluster.xds.upstream_cx_connect_fail': 0, 'control_plane.connected_state': 0 }),
    );
  });
});

describe('words of a refusal', () => {
  test.each([
    ['WEFT0203 token 9f2 is spent; fix: make another', ['WEFT0203', 'token 9f2 is spent', 'make another']],
    ['WEFT0203%20a%20%22b%22;%20fix:%20c{via_upstream}', ['WEFT0203', 'a "b"', 'c']],
    ['bad token', ['WEFT0902', 'bad token', 'make a new token: weft token create --service NAME']],
    ['100% wrong', ['WEFT0902', '100% wrong', 'make a new token: weft token create --service NAME']],
  ])('%s', (words, parts) => {
    const { code, message, hint } = parseRefusal(words);
    expect([code, message, hint]).toEqual(parts);
  });
});

describe('readinessOf (E5)', () => {
  const configured = stats({
    'server.live': 1,
    'cluster_manager.cds.update_success': 1,
    'cluster_manager.active_clusters': 12,
    'listener_manager.lds.update_success': 1,
    'listener_manager.total_listeners_active': 5,
  });
  const none = { active: [], warming: [] };

  test('live alone is no proof', () => {
    expect(readinessOf(stats({ 'server.live': 1 }), none, false)).toEqual({
      ready: false,
      waitingFor: 'clusters (CDS)',
    });
  });
  test('a proxy that receives needs its certificate', () => {
    expect(readinessOf(configured, none, true)).toEqual({ ready: false, waitingFor: 'certificates (SDS)' });
    expect(readinessOf(configured, { active: [], warming: [{ name: 'bundle' }] }, false).ready).toBe(false);
    expect(readinessOf(configured, none, false)).toEqual({ ready: true, listeners: 5, clusters: 11 });
  });
  test('of a refused response the other listeners are there; without one it is no member', () => {
    const refused = stats({
      ...Object.fromEntries(configured),
      'listener_manager.lds.update_success': 0,
      'listener_manager.lds.update_rejected': 1,
    });
    expect(readinessOf(refused, none, false)).toEqual({ ready: true, listeners: 5, clusters: 11 });
    const waiting = { ready: false, waitingFor: 'listeners (LDS)' };
    expect(readinessOf(new Map([...refused, ['listener_manager.total_listeners_active', 0]]), none, false)).toEqual(
      waiting,
    );
    expect(readinessOf(new Map([...refused, ['listener_manager.lds.update_rejected', 0]]), none, false)).toEqual(
      waiting,
    );
  });
  test('a bundle is no certificate, nor is a certificate without a SPIFFE ID', () => {
    const pem = Buffer.from(selfSigned('xds.weft').certificate).toString('base64');
    expect(
      servedCertificate({ secret: { tls_certificate: { certificate_chain: { inline_bytes: pem } } } }),
    ).toBeUndefined();
    expect(servedCertificate({ secret: { validation_context: {} } })).toBeUndefined();
  });
});

test('parseStats keeps numbers; histograms and texts are none', () => {
  expect(parseStats('a.b: 3\nc: P0(nan,1) P25(nan,1)\ntext: "x: 4"\nlistener.[::1]_80.x: 5\n\n')).toEqual(
    stats({ 'a.b': 3, 'listener.[::1]_80.x': 5 }),
  );
});

test('running requests are those of all listeners but the admin endpoint', () => {
  expect(
    activeRequests(
      stats({
        'http.in_9080.downstream_rq_active': 2,
        'http.admin.downstream_rq_active': 1,
        'http.out.downstream_rq_active': 1,
      }),
    ),
  ).toBe(3);
});

describe('ports', () => {
  test('a used port is told with its process', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const state = await portState('127.0.0.1', port);
      expect(state).toMatchObject({ kind: 'used', owner: { pid: process.pid } });
      expect(await preferredPort(port, '127.0.0.1')).not.toBe(port);
    } finally {
      server.close();
    }
  });
  test('a free one is preferred, an impossible one is replaced', async () => {
    const port = await freePort();
    expect(await portState('127.0.0.1', port)).toEqual({ kind: 'free' });
    expect(await preferredPort(port, '127.0.0.1')).toBe(port);
    expect(await preferredPort(70_000, '127.0.0.1')).toBeLessThan(65_536);
  });
  test('an address of another machine is refused', async () => {
    expect(await portState('192.0.2.1', 8080)).toMatchObject({ kind: 'refused' });
  });
});
