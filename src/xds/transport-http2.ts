import { createSecureServer, createServer, type Http2SecureServer, type ServerOptions } from 'node:http2';
import { follow, handshakeOptions, secureContextOptions, type TlsSource } from './tls-source.ts';
import type { Transport, TransportHost } from './transport.ts';
import { watchHandshakes } from './transport-handshake.ts';
import { Http2ServerSession } from './transport-http2-session.ts';
import { createInflater } from './transport-inflate.ts';
import { lookForNoise } from './transport-noise-look.ts';

/** T11, and section 8 of xds-protocol.md. */
const http2Options: ServerOptions & Record<'maxSessionInvalidFrames' | 'maxSessionRejectedStreams', number> = {
  // MiB, of everything that Node keeps for one connection.
  maxSessionMemory: 128,
  maxHeaderListPairs: 128,
  maxOutstandingPings: 4,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  settings: { maxConcurrentStreams: 256, initialWindowSize: 256 * 1024, maxHeaderListSize: 32 * 1024 },
};

/** How often it is looked for slow readers, in milliseconds, or as a part of the time that one is given. */
const look = { every: 1_000, partOfTime: 1 / 8 };
/** Serves gRPC from node:http2 with framing of our own (decision 17). */
export function openHttp2Transport(host: TransportHost): Transport {
  const { credentials, clock, settings } = host;
  const inflater = createInflater(settings.receiveLimit);
  const sessions = new Set<Http2ServerSession>();
  let onEmpty = () => {};
  let isClosing = false;
  const secure = credentials === 'plaintext' ? undefined : createTlsServer(credentials, settings.firstRequest);
  const server = secure ?? createServer(http2Options);
  const unwatch = followCertificate(host, secure);
  // What goes wrong with one connection ends that connection, and nothing else (6.3).
  server.on('error', () => {});
  server.on('sessionError', () => {});
  const beginHandshake = secure === undefined ? undefined : watchHandshakes(secure, host);
  server.on('session', (session) => {
    const live = new Http2ServerSession(session, host, inflater);
    sessions.add(live);
    host.begun(live.peer, (message) => live.retire(message));
    session.on('close', () => {
      sessions.delete(live);
      if (sessions.size === 0) onEmpty();
    });
    // It was in its handshake when the others were told to go (X24).
    if (isClosing) live.shutDown();
  });
  let cancelLook = () => {};
  const lookForSlow = (): void => {
    cancelLook = clock.after(Math.min(look.every, settings.slowReader * look.partOfTime), lookForSlow);
    for (const session of sessions) session.cutStalled();
  };
  lookForSlow();
  const cancelNoiseLook = lookForNoise(sessions, clock);

  return {
    accept(socket) {
      try {
        beginHandshake?.(socket);
        server.emit('connection', socket);
      } catch (error) {
        host.onFailure(error, '');
        socket.destroy();
      }
    },
    async close(drain) {
      isClosing = true;
      unwatch();
      cancelLook();
      cancelNoiseLook();
      await new Promise<void>((resolve) => {
        if (sessions.size === 0) return resolve();
        const cancel = clock.after(drain, resolve);
        onEmpty = () => {
          cancel();
          resolve();
        };
        for (const session of [...sessions]) session.shutDown();
      });
    },
  };
}

function createTlsServer(source: TlsSource, handshakeTimeout: number): Http2SecureServer {
  const tls = { ...secureContextOptions(source), ...handshakeOptions(source), handshakeTimeout };
  return createSecureServer({ ...http2Options, ...tls });
}

/** The newest certificate is that of the next handshake. One that cannot be used leaves the one before in its place. */
function followCertificate(
  { credentials, onFailure }: TransportHost,
  server: Http2SecureServer | undefined,
): () => void {
  if (credentials === 'plaintext' || server === undefined) return () => {};
  const tell = (error: unknown): void => onFailure(error, '');
  const onChange = (): void => {
    try {
      server.setSecureContext(secureContextOptions(credentials));
    } catch (error) {
      tell(error);
    }
  };
  return follow(credentials, onChange, tell);
}
