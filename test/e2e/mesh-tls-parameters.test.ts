import { createServer, type Server } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import type { Svid } from '../../src/ca/svid.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls } from '../support/mesh-client.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* What mesh TLS agrees on, and refuses, towards clients of Node and between Envoys (docs/decisions/59). */

let catalog: Application;
let server: Member;
let client: Member;
let ear: Server;
let hello: Buffer | undefined;

/** A handshake for each request, so that the load sees every change. */
const connectionEach = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: catalog, namespace: shop }
spec: { host: catalog, trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 1 } } } }
`;

/** A peer of the mesh that hears how a handshake begins, and ends it. */
const earAddress = nextAddress();
const entry = `${serviceYaml('ear')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ear-1, namespace: shop }
spec: { address: ${earAddress}, serviceAccount: ear, labels: { app: ear }, ports: { http: 9443 } }
`;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'connections.yaml': connectionEach,
      'shop/ear.yaml': entry,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    ear = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (first) => {
        hello = first;
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => ear.listen(9443, earAddress, resolve));
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(async () => {
  await catalog?.close();
  ear?.close();
});

const get = 'GET / HTTP/1.1\r\nhost: catalog\r\nconnection: close\r\n\r\n';

/** What a member that offers this much agrees on with the sidecar; what it says where they agree on nothing. */
async function agreed(svid: Svid, offer: ConnectionOptions): Promise<string> {
  try {
    const socket = await meshTls({ host: server.address, port: server.inbound(9080) }, svid, offer);
    const { name } = socket.getCipher();
    const { name: curve = '?' } = { ...socket.getEphemeralKeyInfo() } as { readonly name?: string };
    const words = `${socket.getProtocol()} ${name} ${curve}`;
    const { received } = await exchange(socket, get);
    return received.startsWith('HTTP/1.1 200') ? words : `${words}, and then ${received.slice(0, 12)}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

const tls12 = (more: ConnectionOptions): ConnectionOptions => ({
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ...more,
});
const offers = {
  'what Node offers': {},
  X25519: { ecdhCurve: 'X25519' },
  'P-256': { ecdhCurve: 'P-256' },
  'P-384': { ecdhCurve: 'P-384' },
  'TLS 1.2': tls12({}),
  'TLS 1.2, P-256, AES-256': tls12({ ecdhCurve: 'P-256', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }),
  'TLS 1.2, X25519, AES-256': tls12({ ecdhCurve: 'X25519', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }),
  'TLS 1.2, P-256, AES-128': tls12({ ecdhCurve: 'P-256', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
  'TLS 1.1': { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
} as const satisfies Readonly<Record<string, ConnectionOptions>>;

async function table(svid: Svid): Promise<Readonly<Record<string, string>>> {
  const rows: [string, string][] = [];
  for (const [name, offer] of Object.entries(offers)) rows.push([name, await agreed(svid, offer)]);
  return Object.fromEntries(rows);
}

/** The names of what a ClientHello offers. */
const groups: Readonly<Record<number, string>> = { 4588: 'X25519MLKEM768', 29: 'X25519', 23: 'P-256', 24: 'P-384' };
const versions: Readonly<Record<number, string>> = { 772: 'TLS 1.3', 771: 'TLS 1.2' };

/** What the first record of a client offers: versions and groups, the preferred first. */
function readHello(record: Buffer): { readonly versions: readonly string[]; readonly groups: readonly string[] } {
  const words = (bytes: Buffer) =>
    Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) => bytes.readUInt16BE(index * 2));
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  const found = { versions: [] as string[], groups: [] as string[] };
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    const body = record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2));
    const kind = record.readUInt16BE(at);
    if (kind === 10) found.groups = words(body.subarray(2)).map((word) => groups[word] ?? `0x${word.toString(16)}`);
    if (kind === 43) found.versions = words(body.subarray(1)).map((word) => versions[word] ?? `0x${word.toString(16)}`);
  }
  return found;
}

/** What the caller's sidecar offers to a peer of the mesh. */
async function offered(): Promise<ReturnType<typeof readHello>> {
  hello = undefined;
  await fetchOnce({ host: client.address, port: client.proxyPort, path: 'http://ear/' });
  if (hello === undefined) throw new Error('the sidecar did not begin a handshake');
  return readHello(hello);
}

const usual = { versions: ['TLS 1.3'], groups: ['X25519MLKEM768', 'X25519', 'P-256'] };

test('TLS 1.3 by three curves; meshMTLS lowers the version, names suites and curves, and no request fails meanwhile', async () => {
  const svid = await mesh().certificate('frontend');
  const load = startLoad({ host: client.address, port: mesh().localPort('catalog', 80) }, 50);
  await load.more(20);
  const [noCurve, noVersion] = ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'];
  expect(await table(svid)).toEqual({
    'what Node offers': 'TLSv1.3 TLS_AES_256_GCM_SHA384 X25519',
    X25519: 'TLSv1.3 TLS_AES_256_GCM_SHA384 X25519',
    'P-256': 'TLSv1.3 TLS_AES_256_GCM_SHA384 prime256v1',
    'P-384': noCurve,
    'TLS 1.2': noVersion,
    'TLS 1.2, P-256, AES-256': noVersion,
    'TLS 1.2, X25519, AES-256': noVersion,
    'TLS 1.2, P-256, AES-128': noVersion,
    'TLS 1.1': noVersion,
  });
  expect(await offered()).toEqual(usual);

  await mesh().apply({
    'meshconfig.yaml': `meshMTLS:
  minProtocolVersion: TLSV1_2
  cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]
  ecdhCurves: [P-256]
`,
  });
  await eventually('TLS 1.2 is taken', async () =>
    (await agreed(svid, offers['TLS 1.2, P-256, AES-256'])).startsWith('TLSv1.2'),
  );
  expect(await table(svid)).toEqual({
    'what Node offers': 'TLSv1.3 TLS_AES_256_GCM_SHA384 prime256v1',
    X25519: noCurve,
    'P-256': 'TLSv1.3 TLS_AES_256_GCM_SHA384 prime256v1',
    'P-384': noCurve,
    'TLS 1.2': 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 prime256v1',
    'TLS 1.2, P-256, AES-256': 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 prime256v1',
    'TLS 1.2, X25519, AES-256': noCurve,
    'TLS 1.2, P-256, AES-128': noCurve,
    'TLS 1.1': noVersion,
  });
  await eventually('the caller follows', async () => (await offered()).groups.length === 1);
  expect(await offered()).toEqual({ versions: ['TLS 1.3', 'TLS 1.2'], groups: ['P-256'] });
  await load.more(50);

  await mesh().apply({ 'meshconfig.yaml': undefined });
  await eventually('TLS 1.2 is out again', async () => !(await agreed(svid, offers['TLS 1.2'])).startsWith('TLSv1.2'));
  expect(await agreed(svid, offers.X25519)).toMatch(/^TLSv1.3 .* X25519$/);
  await eventually('the caller follows', async () => (await offered()).groups.length === 3);
  expect(await offered()).toEqual(usual);
  await load.more(50);
  const { sent, failures } = await load.stop();
  expect(failures).toEqual({});
  expect(sent).toBeGreaterThan(120);
});
