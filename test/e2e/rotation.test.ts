import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication, startHttp2Application } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { leafSerials } from '../support/leaf-serials.ts';
import { startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { meshTls, peerCertificate } from '../support/mesh-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

let first: Application;
let second: Pick<Application, 'requests' | 'close'>;
let server: Member;
let client: Member;

const ports = '[{ name: http, port: 80, targetPort: 9080 }, { name: http2, port: 82, targetPort: 9082 }]';
const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog', ports) },
    // Renewed at half-life: every 4 seconds or so.
    settings: { 'certificates.leafLifetime': 8_000, 'certificates.allowShortLives': true },
  }),
  async (started) => {
    const address = started.nextAddress();
    first = await startApplication({ address, port: 9080 }, 'http1');
    second = await startHttp2Application({ address, port: 9082 }, 'http2');
    const declared = [{ port: 9080 }, { port: 9082, protocol: 'http2' }] as const;
    server = await started.join({ service: 'catalog', address, ports: declared });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => Promise.all([first?.close(), second?.close()]));

test('certificates are renewed under load on both sides: 0 failed over HTTP/1 and HTTP/2', async () => {
  const to = (port: number) => ({ host: client.address, port: mesh().localPort('catalog', port) });
  const loads = [startLoad(to(80), 150), startLoad({ ...to(82), http2: true }, 150)];
  const svid = await mesh().certificate('frontend');
  const onTheWire = new Set<string>();
  const ofTheCaller = new Set<string>();
  await eventually(
    'three certificates of the server and of the caller were seen',
    async () => {
      const socket = await meshTls({ host: server.address, port: server.inbound(9080) }, svid);
      const shown = peerCertificate(socket);
      socket.destroy();
      expect(shown.subjectAltName).toBe('URI:spiffe://demo.mesh/ns/shop/sa/catalog');
      expect(Date.parse(shown.validTo)).toBeGreaterThan(Date.now());
      onTheWire.add(shown.serialNumber);
      for (const serial of await leafSerials(client)) ofTheCaller.add(serial);
      return onTheWire.size >= 3 && ofTheCaller.size >= 3;
    },
    20_000,
    200,
  );
  for (const load of loads) await load.more(150);
  const [http1, http2] = await Promise.all(loads.map((load) => load.stop()));
  console.log(
    `${onTheWire.size} certificates of the server, ${ofTheCaller.size} of the caller; ${http1?.sent} + ${http2?.sent} sent`,
  );
  expect(http1?.failures).toEqual({});
  expect(http2?.failures).toEqual({});
  expect(http1?.answers).toEqual({ http1: http1?.sent });
  expect(http2?.answers).toEqual({ http2: http2?.sent });
  expect(first.requests()).toBe(http1?.sent);
  expect(second.requests()).toBe(http2?.sent);
}, 40_000);
