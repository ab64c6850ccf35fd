import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import { credentials, status } from '@grpc/grpc-js';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Svid } from '../../src/ca/svid.ts';
import { systemClock } from '../../src/model/state-store.ts';
import type { keyPair } from '../../src/sidecar/own-identity.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { meshTls, readUntil } from './mesh-client.ts';
import { connectRawClient } from './raw-xds-client.ts';

/* What somebody can do who has the key of a root: at the ports of a workload, at that of the control plane, and as a server that is called. */

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Leaves under the root that signs now, and the roots that are trusted now. */
export async function takeLeaves(stateDir: string, accounts: readonly string[]) {
  const store = openFileStore(stateDir);
  const authority = await openAuthority({ store, clock: systemClock, trustDomain: 'demo.mesh' });
  try {
    const issue = (serviceAccount: string) =>
      authority.issue({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount });
    return { leaves: accounts.map(issue), rootPem: authority.bundle.get().roots.join('') };
  } finally {
    authority.dispose();
  }
}

/** A connection to a port of a workload, after the first that was heard there: to `text`, or of a server that speaks first. Rejects where it is refused. */
export async function openWorkload(to: Place, leaf: Svid, until: string, text?: string): Promise<TLSSocket> {
  const socket = await meshTls(to, leaf);
  if (text !== undefined) socket.write(text);
  await readUntil(socket, until);
  socket.on('error', () => undefined);
  return socket;
}

/** Whether the control plane takes who shows this certificate for the proxy that it was issued to: then it must not speak for another. */
export async function isTakenForProxy(port: number, { cert, key }: ReturnType<typeof keyPair>): Promise<boolean> {
  const options = { rejectUnauthorized: false };
  const raw = connectRawClient(port, credentials.createSsl(null, Buffer.from(key), Buffer.from(cert), options));
  const stream = raw.delta();
  stream.send({ node: { id: 'another.shop' }, typeUrl: clusterType });
  const { code } = await stream.closed;
  raw.close();
  return code === status.PERMISSION_DENIED;
}

/** Whether it opens; it is closed again. */
export async function opens(open: () => Promise<TLSSocket>): Promise<boolean> {
  try {
    (await open()).destroy();
    return true;
  } catch {
    return false;
  }
}

/** A server that shows this leaf to its callers, and answers each request with 200 on a connection of its own. */
export async function startServerWith({ host, port }: Place, leaf: Svid): Promise<{ close(): void }> {
  const { certificateChain: cert, privateKey } = leaf;
  const server = createServer({ cert, key: privateKey.expose(), ALPNProtocols: ['weft'] }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}
