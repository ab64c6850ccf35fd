import { connect as connectTls } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import type { Svid } from '../../src/ca/svid.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls, openTcp, peerCertificate } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';
import { serviceYaml, useTestMesh } from '../support/test-mesh.ts';
import { startTwoFacedEcho, type TwoFacedEcho } from '../support/two-faced-echo.ts';

/*
 * P31 to P36 whole, in one mesh: one workload with a port for each mode and protocol, called in plaintext, through a sidecar, by TLS of
 * the mesh spoken by hand, and by TLS of a stranger. Each cell is counted: what callers see, and what the application sees.
 */

const modes = ['STRICT', 'PERMISSIVE', 'DISABLE'] as const;
type Mode = (typeof modes)[number];
const protocols = ['http', 'tcp'] as const;
type Protocol = (typeof protocols)[number];

const portOf = (mode: Mode, protocol: Protocol) => (protocol === 'http' ? 9081 : 9091) + modes.indexOf(mode);
const servicePortOf = (mode: Mode, protocol: Protocol) => portOf(mode, protocol) - 9000;
const cells = modes.flatMap((mode) => protocols.map((protocol) => ({ mode, protocol })));
const listed = cells.map(({ mode, protocol }) => {
  const name = `${protocol}-${mode.toLowerCase()}`;
  return `{ name: ${name}, port: ${servicePortOf(mode, protocol)}, targetPort: ${portOf(mode, protocol)} }`;
});
const byPort = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: echo, namespace: shop }
spec:
  selector: { matchLabels: { app: echo } }
  portLevelMtls: { ${cells.map(({ mode, protocol }) => `${portOf(mode, protocol)}: { mode: ${mode} }`).join(', ')} }
`;

/** A Service whose one endpoint is echo's sidecar, registered as if another account answered there. */
const impostor = (
  address: string,
) => `${serviceYaml('ledger', '[{ name: http, port: 80, targetPort: 1 }, { name: tcp, port: 90, targetPort: 2 }]')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ledger-1, namespace: shop }
spec:
  address: ${address}
  serviceAccount: ledger
  labels: { app: ledger }
  ports: { http: ${10_000 + portOf('STRICT', 'http')}, tcp: ${10_000 + portOf('STRICT', 'tcp')} }
`;

const own = selfSigned('echo.test');
const stranger = selfSigned('stranger.test');
const applications = new Map<Mode, Application>();
const echoes = new Map<Mode, TwoFacedEcho>();
let server: Member;
let client: Member;
let svid: Svid;

const mesh = useTestMesh(
  () => ({ policies: { 'echo.yaml': serviceYaml('echo', `[${listed.join(', ')}]`), 'modes.yaml': byPort } }),
  async (started) => {
    const address = started.nextAddress();
    for (const mode of modes) {
      applications.set(mode, await startApplication({ address, port: portOf(mode, 'http') }, 'echo'));
      echoes.set(mode, await startTwoFacedEcho({ address, port: portOf(mode, 'tcp') }, own));
    }
    const ports = cells.map(({ mode, protocol }) => ({ port: portOf(mode, protocol), protocol }));
    server = await started.join({ service: 'echo', address, ports });
    client = await started.join({ service: 'frontend' });
    svid = await started.certificate('frontend');
    await started.synced();
  },
);
afterAll(() => {
  for (const echo of echoes.values()) echo.close();
  return Promise.all([...applications.values()].map((application) => application.close()));
});

const request = 'GET / HTTP/1.1\r\nhost: echo\r\nconnection: close\r\n\r\n';
const text = { http: request, tcp: 'hello\n' } as const;
const direct = (mode: Mode, protocol: Protocol) => ({
  host: server.address,
  port: server.inbound(portOf(mode, protocol)),
});
const local = (mode: Mode, protocol: Protocol) => ({
  host: client.address,
  port: mesh().localPort('echo', servicePortOf(mode, protocol)),
});

/** What a caller saw: `200`, another status, the text that came back, or how it was cut off. */
type Saw = string;

function answerOf(protocol: Protocol, received: string): Saw {
  if (received === '') return 'cut';
  return protocol === 'http' ? (/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 'bytes') : received.trim();
}

/** Writes the text of this protocol, and ends: an echo has been heard by then. */
async function plaintext(to: { readonly host: string; readonly port: number }, protocol: Protocol): Promise<Saw> {
  const socket = await openTcp(to.host, to.port);
  if (protocol === 'tcp') socket.once('data', () => socket.end());
  return answerOf(protocol, (await exchange(socket, text[protocol])).received);
}

/** TLS as another program would speak it: its own names, no certificate of this mesh; who answers is told by the certificate. */
function foreign(to: { readonly host: string; readonly port: number }, protocol: Protocol): Promise<Saw> {
  return new Promise((resolve) => {
    const socket = connectTls({
      ...to,
      servername: 'echo.test',
      rejectUnauthorized: false,
      cert: stranger.certificate,
      key: stranger.key,
      ...(protocol === 'http' ? { ALPNProtocols: ['http/1.1'] } : {}),
    });
    let received = '';
    let problem = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('no end within 10 s')));
    socket.once('secureConnect', () => {
      received += peerCertificate(socket).subjectAltName === 'DNS:echo.test' ? '' : 'somebody else: ';
      socket.write(text[protocol]);
    });
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      if (protocol === 'tcp') socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      problem = error.code ?? error.message;
    });
    socket.on('close', () => resolve(received === '' && problem !== '' ? 'cut' : answerOf(protocol, received)));
  });
}

async function throughSidecar(mode: Mode, protocol: Protocol): Promise<Saw> {
  const to = local(mode, protocol);
  return protocol === 'http' ? String((await fetchOnce(to)).status) : plaintext(to, protocol);
}

/** TLS of the mesh, with a certificate of the mesh, whatever the port is said to be. */
async function byHand(mode: Mode, protocol: Protocol): Promise<Saw> {
  try {
    const socket = await meshTls(direct(mode, protocol), svid);
    const isMesh = peerCertificate(socket).subjectAltName === 'URI:spiffe://demo.mesh/ns/shop/sa/echo';
    if (protocol === 'tcp') socket.once('data', () => socket.end());
    const saw = answerOf(protocol, (await exchange(socket, text[protocol])).received);
    return isMesh ? saw : `${saw} of the application`;
  } catch {
    return 'cut';
  }
}

const callers = {
  plaintext: (mode: Mode, protocol: Protocol) => plaintext(direct(mode, protocol), protocol),
  'mesh client': throughSidecar,
  'foreign TLS': (mode: Mode, protocol: Protocol) => foreign(direct(mode, protocol), protocol),
  'mesh TLS by hand': byHand,
} as const;
type Caller = keyof typeof callers;

/** How the application saw the calls of a cell: not at all, in plaintext (with the identity it is told), or as TLS of its own. */
function seenBy(mode: Mode, protocol: Protocol): { readonly calls: number; readonly as: string } {
  if (protocol === 'tcp') {
    const { plain = 0, tls = 0 } = echoes.get(mode)?.heard() ?? {};
    return { calls: plain + tls, as: `plain ${plain}, tls ${tls}` };
  }
  const application = applications.get(mode);
  return { calls: application?.requests() ?? 0, as: '' };
}

interface Cell {
  readonly sees: Saw;
  /** What of the calls reaches the application, and as what. */
  readonly reaches: 'nothing' | 'plain' | 'tls';
  /** Whether the sidecar of the workload saw a handshake of the mesh. */
  readonly identity: boolean;
}

const cut: Cell = { sees: 'cut', reaches: 'nothing', identity: false };
const open = (protocol: Protocol, identity: boolean): Cell => ({
  sees: protocol === 'http' ? '200' : 'hello',
  reaches: 'plain',
  identity,
});
/** P34, P35: what holds, cell by cell. */
const expected: Readonly<Record<Mode, Readonly<Record<Caller, Readonly<Record<Protocol, Cell>>>>>> = {
  STRICT: {
    plaintext: { http: cut, tcp: cut },
    'mesh client': { http: open('http', true), tcp: open('tcp', true) },
    'foreign TLS': { http: cut, tcp: cut },
    'mesh TLS by hand': { http: open('http', true), tcp: open('tcp', true) },
  },
  PERMISSIVE: {
    plaintext: { http: open('http', false), tcp: open('tcp', false) },
    'mesh client': { http: open('http', true), tcp: open('tcp', true) },
    // Nothing but bytes can be handed on unread: what is declared as HTTP is read here.
    'foreign TLS': { http: cut, tcp: { ...open('tcp', false), reaches: 'tls' } },
    'mesh TLS by hand': { http: open('http', true), tcp: open('tcp', true) },
  },
  DISABLE: {
    plaintext: { http: open('http', false), tcp: open('tcp', false) },
    'mesh client': { http: open('http', false), tcp: open('tcp', false) },
    'foreign TLS': { http: cut, tcp: { ...open('tcp', false), reaches: 'tls' } },
    'mesh TLS by hand': {
      http: cut,
      tcp: { sees: 'hello of the application', reaches: 'tls', identity: false },
    },
  },
};

const rounds = 20;
const table: string[] = [];

/** Handshakes that the workload's sidecar has finished at a port. */
const handshakes = (mode: Mode, protocol: Protocol) => {
  const { host, port } = direct(mode, protocol);
  return server.stat(`listener.${host}_${port}.ssl.handshake`);
};

const rows = cells.flatMap(({ mode, protocol }) =>
  (Object.keys(callers) as Caller[]).map(
    (caller) => [mode, protocol, caller, expected[mode][caller][protocol]] as const,
  ),
);
test.each(rows)('P34, P35: %s, %s, %s', async (mode, protocol, caller, { sees, reaches, identity }) => {
  const before = {
    calls: seenBy(mode, protocol).calls,
    heard: echoes.get(mode)?.heard(),
    handshakes: await handshakes(mode, protocol),
  };
  const seen = new Map<Saw, number>();
  for (let round = 0; round < rounds; round += 1) {
    const saw = await callers[caller](mode, protocol);
    seen.set(saw, (seen.get(saw) ?? 0) + 1);
  }
  const calls = seenBy(mode, protocol).calls - before.calls;
  table.push(
    `${mode} ${protocol} ${caller}: ${[...seen].map(([saw, count]) => `${saw} ${count}`).join(', ')}; application ${calls}`,
  );
  expect(Object.fromEntries(seen)).toEqual({ [sees]: rounds });
  expect(calls).toBe(reaches === 'nothing' ? 0 : rounds);
  if (protocol === 'tcp') {
    const heard = echoes.get(mode)?.heard();
    expect((heard?.tls ?? 0) - (before.heard?.tls ?? 0)).toBe(reaches === 'tls' ? rounds : 0);
  } else if (reaches === 'plain') {
    const told = applications.get(mode)?.lastHeaders()['x-forwarded-client-cert'];
    if (identity) expect(String(told)).toContain('URI=spiffe://demo.mesh/ns/shop/sa/frontend');
    else expect(told).toBeUndefined();
  }
  // Sidecars keep their connections for HTTP, and have one for each of a caller's connections of bytes.
  const shaken = (await handshakes(mode, protocol)) - before.handshakes;
  if (!identity) expect(shaken).toBe(0);
  else if (protocol === 'http' && caller === 'mesh client') expect(await handshakes(mode, protocol)).toBeGreaterThan(0);
  else expect(shaken).toBe(rounds);
});

test('P36: an endpoint whose certificate names another account is called by nobody, over HTTP and TCP, and weft says so', async () => {
  await mesh().apply({ 'ledger.yaml': impostor(server.address) });
  const counts = () => protocols.map((protocol) => seenBy('STRICT', protocol).calls);
  const before = counts();
  const http = { host: client.address, port: mesh().localPort('ledger', 80) };
  const tcp = { host: client.address, port: mesh().localPort('ledger', 90) };
  expect((await sendRequests(http, rounds, 1)).failures).toEqual({ 503: rounds });
  for (let round = 0; round < rounds; round += 1) expect(await plaintext(tcp, 'tcp')).toBe('cut');
  expect(counts()).toEqual(before);
  expect(await client.stat('cluster.out_shop_ledger_80.ssl.fail_verify_san')).toBeGreaterThanOrEqual(rounds);
  expect(await client.stat('cluster.out_shop_ledger_90.ssl.fail_verify_san')).toBeGreaterThanOrEqual(rounds);
  const edges = (): readonly EdgeRow[] =>
    mesh()
      .controlPlane()
      .values.edges(60_000)
      .filter(({ from, to }) => from === 'frontend' && to === 'ledger');
  const told = await eventually('both edges have their reason', () => {
    const all = edges();
    return all.length === 2 && all.every(({ tlsFailures }) => (tlsFailures?.[0]?.count ?? 0) >= rounds) && all;
  });
  for (const row of told) expect(row).toMatchObject({ success: 0, tlsFailures: [{ name: 'names' }] });
  const words = ['edges', '--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`, '-n', 'shop'];
  const { stdout } = await runVerb(words, { cwd: mesh().folder });
  const said = stdout.split('\n').filter((line) => line.includes('ledger') || line.includes('    fix '));
  expect(said.filter((line) => / tls:names \d+$/.test(line))).toHaveLength(2);
  expect(said.slice(2)).toEqual([
    expect.stringMatching(/^× frontend refused the TLS of ledger \d+ times: its certificate has none of the names/),
    expect.stringMatching(/^ {4}fix {4}does each endpoint run under the account that the registry has/),
  ]);
});

test('P34: the matrix in numbers', () => {
  console.log(
    `promise P34: ${table.length} cells (3 modes, 2 protocols, 4 kinds of callers) of ${rounds} calls each, every one as P34 and P35 say\n${table.join('\n')}`,
  );
  expect(table).toHaveLength(24);
});
