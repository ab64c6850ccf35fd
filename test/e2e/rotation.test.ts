import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication, startHttp2Application } from '../support/application.ts';
import { type BareMember, startBareMember } from '../support/bare-member.ts';
import { eventually } from '../support/eventually.ts';
import { startChatApplication, startChats } from '../support/grpc-chat.ts';
import { leafSerials } from '../support/leaf-serials.ts';
import { fetchOnce, latenessOf, startLoad } from '../support/load.ts';
import { inboundPort } from '../support/member.ts';
import { meshTls, peerCertificate } from '../support/mesh-client.ts';
import { type OwnKeyMember, startOwnKeyMember } from '../support/own-key-member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** Long (F8): leaves of 60 s for 10 min at 1,000 requests/s. */
const isLong = process.env.WEFT_LONG !== undefined;
const life = isLong ? 60_000 : 8_000;
const requestsPerSecond = isLong ? 500 : 150;
/** Certificates of each side that must be seen, and requests of each load. */
const rotations = isLong ? 16 : 4;
const requests = isLong ? 300_000 : 150;
const chats = 8;

let first: Application;
let second: Pick<Application, 'requests' | 'close'>;
let third: Pick<Application, 'close'>;
/** Its key is its own. */
let server: OwnKeyMember;
/** Has nothing beside it, and gets its key by SDS. */
let client: BareMember;
let callingFrom: string;

const ports =
  '[{ name: http, port: 80, targetPort: 9080 }, { name: http2, port: 82, targetPort: 9082 }, { name: grpc, port: 84, targetPort: 9084 }]';
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog', ports) },
    // Renewed at half-life.
    settings: { 'certificates.leafLifetime': life, 'certificates.allowShortLives': true },
  }),
  async (started) => {
    const address = started.nextAddress();
    first = await startApplication({ address, port: 9080 }, 'http1');
    second = await startHttp2Application({ address, port: 9082 }, 'http2');
    third = await startChatApplication({ address, port: 9084 });
    server = await startOwnKeyMember(
      { folder: started.folder, xdsPort: started.controlPlane().xdsPort },
      {
        service: 'catalog',
        address,
        ports: ['9080', '9082/http2', '9084/grpc'],
        token: await started.token('catalog'),
      },
    );
    callingFrom = started.nextAddress();
    const { xdsPort, rootPem } = started.controlPlane();
    const capture = { bind: callingFrom, proxy: 15_001, ports: true };
    client = await startBareMember(
      { folder: started.folder, xdsPort, rootPem },
      'frontend-1',
      { service: 'frontend', namespace: 'shop', address: callingFrom, inboundBind: callingFrom, capture },
      await started.token('frontend'),
    );
    const one = { host: callingFrom, port: started.localPort('catalog', 80) };
    await eventually('a call passes', async () => (await fetchOnce(one)).status === 200);
  },
);
afterAll(async () => {
  await Promise.all([server?.stop(), client?.kill()]);
  await Promise.all([first?.close(), second?.close(), third?.close()]);
});

test(
  'certificates are renewed under load on both sides: 0 failed over HTTP/1, HTTP/2 and gRPC streams (F8)',
  async () => {
    const to = (port: number) => ({ host: callingFrom, port: mesh().localPort('catalog', port) });
    const before = [first, second].map((application) => application.requests());
    const chat = startChats(chats, to(84), 50);
    const loads = [startLoad(to(80), requestsPerSecond), startLoad({ ...to(82), http2: true }, requestsPerSecond)];
    const svid = await mesh().certificate('frontend');
    const onTheWire = new Set<string>();
    const ofTheCaller = new Set<string>();
    await eventually(
      'enough certificates of the server and of the caller were seen',
      async () => {
        const socket = await meshTls({ host: server.address, port: inboundPort(9080) }, svid);
        const shown = peerCertificate(socket);
        socket.destroy();
        expect(shown.subjectAltName).toBe('URI:spiffe://demo.mesh/ns/shop/sa/catalog');
        expect(Date.parse(shown.validTo)).toBeGreaterThan(Date.now());
        onTheWire.add(shown.serialNumber);
        for (const serial of await leafSerials(client)) ofTheCaller.add(serial);
        return onTheWire.size >= rotations && ofTheCaller.size >= rotations;
      },
      (rotations + 4) * life,
      life / 40,
    );
    for (const load of loads)
      await eventually('all requests were sent', () => load.now().sent >= requests, 700_000, 250);
    for (const load of loads) await load.more(150);
    const reports = await Promise.all(loads.map((load) => load.stop()));
    const [http1, http2] = reports;
    const talk = await chat.stop();
    const members = await Promise.all(
      [server, client].map(({ admin }) => admin.stats('\\.ssl\\.fail_verify_[a-z_]+$')),
    );
    const verifyErrors = members.flatMap((stats) => [...stats.values()]).reduce((sum, value) => sum + value, 0);
    const sent = (http1?.sent ?? 0) + (http2?.sent ?? 0);
    const failed = sent - (http1?.succeeded ?? 0) - (http2?.succeeded ?? 0);
    console.log(
      `promise F8: ${sent} sent, ${failed} failed, ${verifyErrors} verify errors; ${onTheWire.size} certificates of the server (weft run, a key of its own), ${ofTheCaller.size} of the caller (Envoy alone, by SDS); ${chats} gRPC streams ${talk.received} of ${talk.sent} messages; ${latenessOf(reports)}`,
    );
    expect({ ...talk, sent: 0 }).toEqual({ sent: 0, received: talk.sent, broken: [] });
    expect(verifyErrors).toBe(0);
    expect(http1?.failures).toEqual({});
    expect(http2?.failures).toEqual({});
    expect(http1?.answers).toEqual({ http1: http1?.sent });
    expect(http2?.answers).toEqual({ http2: http2?.sent });
    const heard = [first, second].map((application, index) => application.requests() - (before[index] ?? 0));
    expect(heard).toEqual([http1?.sent, http2?.sent]);
  },
  isLong ? 1_200_000 : 120_000,
);
