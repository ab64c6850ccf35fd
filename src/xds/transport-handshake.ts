import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import type { TransportHost } from './transport.ts';

/** How the text of `refused` begins where a connection never came to stand. */
export const handshakeText = 'TLS handshake: ';

/** What a client lacks, where OpenSSL's words do not say it. */
const hints: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'the client does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the client does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'TLS 1.3 is needed',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'HTTP/2 is needed: "h2" in ALPN',
};
const noProtocol = Object.assign(new Error(), {
  code: 'ERR_SSL_NO_APPLICATION_PROTOCOL',
  reason: 'no application protocol',
});

/**
 * Closes connections whose handshake fails, and tells of them: their calls never come, so nobody else can. Who says nothing at all, such as
 * a probe that looks whether the port is open, is no client and is passed over. Answers with what is to hear of each socket before TLS has it.
 */
export function watchHandshakes(server: EventEmitter, host: Pick<TransportHost, 'refused'>): (socket: Socket) => void {
  // A socket that is closed knows its peer no more.
  const peers = new WeakMap<object, string>();
  const fail = (error: Error, socket: TLSSocket): void => {
    const carrier: unknown = Reflect.get(socket, '_parent');
    const known = typeof carrier === 'object' && carrier !== null ? carrier : socket;
    const isSilent = 'bytesRead' in known && known !== socket && known.bytesRead === 0;
    const peer = peers.get(known) ?? peerOf(socket);
    socket.destroy();
    if (!isSilent) host.refused(peer, status.UNAUTHENTICATED, handshakeText + wordsOf(error));
  };
  server.on('tlsClientError', fail);
  server.on('unknownProtocol', (socket: TLSSocket) => fail(noProtocol, socket));
  return (socket) => {
    peers.set(socket, peerOf(socket));
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

function wordsOf(error: NodeJS.ErrnoException): string {
  const { code = '' } = error;
  if (code === 'ECONNRESET') return 'the connection ended before it was over';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'it was not over in time';
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message.trim();
  const hint = / alert /.test(reason) ? 'said by the client' : hints[code];
  return hint === undefined ? reason : `${reason} (${hint})`;
}
