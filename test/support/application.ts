import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2';

/** What an application answers; the default says its name and echoes the sequence number. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface Application {
  readonly port: number;
  /** Requests that reached it. */
  readonly requests: () => number;
  /** The headers of the last one. */
  readonly lastHeaders: () => IncomingMessage['headers'];
  readonly server: Server;
  close(): Promise<void>;
}

/** A small HTTP/1 application; port 0 is a free one. */
export async function startApplication(
  where: { readonly address: string; readonly port: number },
  name: string,
  answer?: Answer,
): Promise<Application> {
  let requests = 0;
  let last: IncomingMessage['headers'] = {};
  const server = createServer(async (request, response) => {
    requests += 1;
    last = request.headers;
    const sequence = request.headers['x-sequence'];
    if (typeof sequence === 'string') response.setHeader('x-sequence', sequence);
    try {
      if (answer) await answer(request, response);
    } finally {
      if (!response.writableEnded) {
        request.resume();
        response.end(`${name}\n`);
      }
    }
  });
  return {
    port: await listen(server, where),
    requests: () => requests,
    lastHeaders: () => last,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The same over HTTP/2 without TLS: it understands nothing else. */
export async function startHttp2Application(
  where: { readonly address: string; readonly port: number },
  name: string,
): Promise<Pick<Application, 'port' | 'requests' | 'close'>> {
  let requests = 0;
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server((request, response) => {
    requests += 1;
    const sequence = request.headers['x-sequence'];
    if (typeof sequence === 'string') response.setHeader('x-sequence', sequence);
    response.end(`${name}\n`);
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  return {
    port: await listen(server, where),
    requests: () => requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

function listen(
  server: Server | Http2Server,
  where: { readonly address: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.address, () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('no address'));
    });
  });
}
