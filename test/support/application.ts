import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

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

/** A small HTTP application; port 0 is a free one. */
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
  await new Promise<void>((resolve) => server.listen(where.port, where.address, resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return {
    port: address.port,
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
