import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { fetchPinnedBundle } from '../../src/ca/pinned-bundle.ts';
import type { IssuedCertificate } from '../../src/ca/svid.ts';
import { type Clock, systemClock } from '../../src/model/state-store.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const open: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) continue;
    server.close();
    await once(server, 'close');
  }
});

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  server.on('tlsClientError', () => undefined);
  open.push({ server, sockets });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function mesh(clock: Clock = systemClock) {
  const authority = await openAuthority({
    store: memoryStore(),
    clock,
    trustDomain: 'demo.mesh',
    allowShortLives: true,
  });
  authority.dispose();
  return { authority, fingerprint: authority.info().root.fingerprint, root: authority.bundle.get().roots[0] ?? '' };
}
const serve = (
  certificate: IssuedCertificate,
  more: TlsOptions = {},
  chain = certificate.certificateChain,
  host?: string,
) =>
  listen(
    createTlsServer({
      cert: chain,
      key: certificate.privateKey.expose(),
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      ...more,
    }),
    host,
  );
const names = { dnsNames: [], ipAddresses: [] };

describe('the bundle that a token pins', () => {
  it('is the root of the control plane, taken from its own port, by IPv4 and IPv6', async () => {
    const { authority, fingerprint, root } = await mesh();
    const certificate = authority.issueServer(names);
    for (const host of ['127.0.0.1', '::1']) {
      const port = await serve(certificate, {}, certificate.certificateChain, host);
      expect(await fetchPinnedBundle({ host, port, fingerprint })).toBe(root);
    }
  });

  it('is refused from another mesh, even one that shows the right root beside its own chain', async () => {
    const [mine, other] = [await mesh(), await mesh()];
    const foreign = other.authority.issueServer(names);
    const port = await serve(foreign);
    await expect(fetchPinnedBundle({ host: '127.0.0.1', port, fingerprint: mine.fingerprint })).rejects.toMatchObject({
      code: 'WEFT0915',
      message: `127.0.0.1:${port} is not the control plane that made this token: its root is sha256:${other.fingerprint.slice(0, 16)}.., the token names sha256:${mine.fingerprint.slice(0, 16)}..`,
      hint: expect.stringMatching(
        /if its root was rotated or replaced since, or it has a new state dir, make a new token/,
      ),
    });
    const liar = await serve(foreign, {}, foreign.certificateChain + mine.root);
    await expect(
      fetchPinnedBundle({ host: '127.0.0.1', port: liar, fingerprint: mine.fingerprint }),
    ).rejects.toMatchObject({
      code: 'WEFT0915',
    });
  });

  it('is refused from a workload of the mesh, with its valid certificate (T28)', async () => {
    const { authority, fingerprint, root } = await mesh();
    const svid = authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' });
    const port = await serve(svid, {}, svid.certificateChain + root);
    await expect(fetchPinnedBundle({ host: '127.0.0.1', port, fingerprint })).rejects.toMatchObject({
      code: 'WEFT0915',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
  });

  it('is refused when the certificate has ended', async () => {
    const clock = createJumpingClock(Date.now() - 7_200_000);
    const { authority, fingerprint } = await mesh(clock);
    const port = await serve(authority.issueServer(names, { ttl: 60_000 }));
    await expect(fetchPinnedBundle({ host: '127.0.0.1', port, fingerprint })).rejects.toMatchObject({
      code: 'WEFT0915',
      message: expect.stringContaining('CERT_HAS_EXPIRED'),
    });
  });

  const fetchFrom = (port: number, host = '127.0.0.1') =>
    fetchPinnedBundle({ host, port, fingerprint: '00'.repeat(32), timeout: 400 }).catch((error: unknown) => error);

  it('says so when nobody listens, or the name is unknown', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    expect(await fetchFrom(port)).toMatchObject({
      code: 'WEFT0901',
      message: `127.0.0.1:${port}: nobody listens there`,
    });
  });

  it('says so when the port speaks something else, closes, or says nothing', async () => {
    const http = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await fetchFrom(http)).toMatchObject({
      code: 'WEFT0901',
      message: expect.stringContaining('does not speak TLS'),
    });
    const rude = await listen(createServer((socket) => socket.end()));
    expect(await fetchFrom(rude)).toMatchObject({
      code: 'WEFT0901',
      message: expect.stringContaining('closed the connection'),
    });
    const mute = await listen(createServer(() => undefined));
    expect(await fetchFrom(mute)).toMatchObject({
      code: 'WEFT0901',
      message: expect.stringContaining('no answer in 0.4 s'),
    });
  });

  it('says so when the port speaks TLS 1.2 only, or no HTTP/2', async () => {
    const { authority } = await mesh();
    const certificate = authority.issueServer(names);
    const old = await serve(certificate, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
    expect(await fetchFrom(old)).toMatchObject({ code: 'WEFT0901', message: expect.stringContaining('no TLS 1.3') });
    const web = await serve(certificate, { ALPNProtocols: ['http/1.1'] });
    expect(await fetchFrom(web)).toMatchObject({ code: 'WEFT0901', message: expect.stringContaining('HTTP/2') });
  });
});
