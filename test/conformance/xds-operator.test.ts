import { connect } from 'node:http2';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseToken } from '../../src/ca/token.ts';
import { decode, encode } from '../../src/proto/codec.ts';
import {
  ClientStatusDiscoveryService,
  ClientStatusRequestSchema,
  ClientStatusResponseSchema,
} from '../../src/proto/gen/envoy/service/status/v3/csds_pb.ts';
import { pathOf, unaryHandler } from '../../src/xds/handlers.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import type { Refused } from '../../src/xds/server-options.ts';
import { callRaw } from '../support/raw-grpc.ts';
import { connectRawClient, type RawClient } from '../support/raw-xds-client.ts';
import { serviceYaml, startTestMesh, type TestMesh } from '../support/test-mesh.ts';
import { conformAds } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, node } from './xds-fixture.ts';

conformAds(
  'M12 X8 a service beside xDS has credentials of its own: what opens a stream does not open it',
  async (lab) => {
    const admits =
      (wanted: string) =>
      ({ headers }: { readonly headers: ReadonlyMap<string, readonly string[]> }): { readonly ok: string } | Refused =>
        headers.get('authorization')?.join() === wanted
          ? { ok: wanted }
          : { refused: { code: status.PERMISSION_DENIED, message: `this is for ${wanted}s` } };
    const { fetchClientStatus } = ClientStatusDiscoveryService.method;
    let asked = 0;
    const fixture = await lab.start([cluster('a')], {
      authenticate: admits('workload'),
      handlers: new Map([
        unaryHandler(fetchClientStatus, {
          authenticate: admits('operator'),
          answer: () => {
            asked += 1;
            return { ok: { config: fixture.server.status().map(({ node: { id } }) => ({ node: { id } })) } };
          },
        }),
      ]),
    });
    const stream = fixture.delta(clusterType, { authorization: 'workload' });
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
    const stranger = fixture.delta(clusterType, { authorization: 'operator' });
    stranger.send({ node, typeUrl: clusterType });
    expect(await stranger.closed).toMatchObject({ code: status.PERMISSION_DENIED, details: 'this is for workloads' });
    const session = connect(`http://127.0.0.1:${fixture.server.port}`);
    const fetch = async (authorization?: string) => {
      const call = callRaw(session, pathOf(fetchClientStatus), authorization === undefined ? {} : { authorization });
      call.send(encode(ClientStatusRequestSchema, {}));
      call.stream.end();
      const { code, message } = await call.ended;
      return { code, message, messages: call.messages };
    };
    const refused = { code: status.PERMISSION_DENIED, message: 'this is for operators', messages: [] };
    expect([await fetch('workload'), await fetch()]).toEqual([refused, refused]);
    expect(asked).toBe(0);
    const { code, messages } = await fetch('operator');
    expect(code).toBe(status.OK);
    const { config } = decode(ClientStatusResponseSchema, messages[0] ?? Buffer.of());
    expect(config.map((each) => each.node?.id)).toEqual([node.id]);
    session.destroy();
  },
);

let mesh: TestMesh;
let client: RawClient;

beforeAll(async () => {
  mesh = await startTestMesh({
    policies: { 'shop.yaml': serviceYaml('reviews') + serviceYaml('frontend') },
    settings: { 'admin.loopbackReads': false },
  });
  const { xdsPort, rootPem } = mesh.controlPlane();
  client = connectRawClient(xdsPort, credentials.createSsl(Buffer.from(rootPem)));
});
afterAll(async () => {
  client?.close();
  await mesh?.close();
});

const bearer = (text: string) => ({ authorization: `Bearer ${parseToken(text).bearer.expose()}` });
const workload = async (service: string) => bearer(await mesh.token(service));

test('M12 until CSDS and LRS are there, nobody reaches them; what proxies hold is told to people, to a workload its own', async () => {
  const { tokens, adminPort } = mesh.controlPlane();
  const { text } = await tokens.create({ grant: { role: 'operator' }, createdBy: 'test' });
  const operator = bearer(text.expose());
  const reviews = await workload('reviews');
  const ports = [{ name: 'http', port: 9080, inbound: 19_080, protocol: 'http' }];
  const stream = client.delta(reviews);
  const metadata = { weft: { service: 'reviews', namespace: 'shop', ports } };
  stream.send({ node: { id: 'reviews-1.shop', metadata }, typeUrl: clusterType });
  await nextAcked(stream);

  for (const path of [
    '/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus',
    '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus',
    '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
  ])
    for (const headers of [{}, reviews, operator]) {
      const call = client.stream(path, 'sotw', headers);
      call.halfClose();
      expect([path, (await call.closed).code]).toEqual([path, status.UNIMPLEMENTED]);
    }

  const read = async (path: string, headers: Readonly<Record<string, string>>) => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}${path}`, { headers });
    return [answer.status, (await answer.text()).includes('reviews-1.shop')];
  };
  const others = await workload('frontend');
  expect(await read('/debug/adsz', operator)).toEqual([200, true]);
  expect(await read('/debug/adsz', reviews)).toEqual([200, true]);
  expect(await read('/debug/adsz', others)).toEqual([200, false]);
  expect(await read('/debug/adsz', {})).toEqual([401, false]);
  expect(await read('/debug/nackz', operator)).toEqual([200, false]);
  for (const headers of [reviews, others]) expect(await read('/debug/nackz', headers)).toEqual([403, false]);
  stream.cancel();
});
