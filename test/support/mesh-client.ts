import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Svid } from '../../src/ca/svid.ts';

/** TLS to a sidecar's inbound port as a member of the mesh would speak it; without `svid` as a stranger. */
export function meshTls(
  to: { readonly host: string; readonly port: number },
  svid?: Pick<Svid, 'certificateChain' | 'privateKey'>,
  more: ConnectionOptions = {},
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...to,
      ALPNProtocols: ['weft'],
      // Who the server is, the test itself looks at.
      rejectUnauthorized: false,
      ...(svid ? { cert: svid.certificateChain, key: svid.privateKey.expose() } : {}),
      ...more,
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no handshake within 10 s')));
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** The certificate that the other side presented. */
export function peerCertificate(socket: TLSSocket): X509Certificate {
  return new X509Certificate(socket.getPeerCertificate(true).raw);
}

/** How a connection went: all that came until the other side closed it, or the error that ended it. */
export interface Exchange {
  readonly received: string;
  readonly error?: string;
}

/** Writes `text`, if any, and reads until the connection is over. Rejects when nobody ends it within 10 s. */
export function exchange(socket: Socket, text?: string): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let received = '';
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after 10 s, received ${JSON.stringify(received)}`));
    }, 10_000);
    let error: string | undefined;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', (problem: NodeJS.ErrnoException) => {
      error = problem.code ?? problem.message;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(late);
      resolve({ received, ...(error === undefined ? {} : { error }) });
    });
    if (text !== undefined) socket.write(text, 'latin1');
  });
}

/** A plain TCP connection; rejects if there is none. */
export function openTcp(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, allowHalfOpen: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** The next bytes up to `end`. */
export function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => reject(new Error(`no ${JSON.stringify(end)} within 10 s: ${text}`)), 10_000);
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.endsWith(end)) return;
      clearTimeout(late);
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('error', reject);
  });
}
