import { createServer } from 'node:https';
import { TLSSocket } from 'node:tls';

export interface TlsApplication {
  readonly port: number;
  readonly requests: () => number;
  /** What the last request's connection asked for, and who its client said it is. */
  readonly last: () => { readonly serverName: string | undefined; readonly client: string | undefined };
  /** How many requests came from which client, by the common name of its certificate. */
  readonly clients: () => Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** A small HTTPS application; with `clientRoots` (PEM) it demands a certificate of its clients. */
export async function startTlsApplication(
  where: { readonly address: string; readonly port: number },
  name: string,
  own: { readonly certificate: string; readonly key: string },
  clientRoots?: readonly string[],
): Promise<TlsApplication> {
  let requests = 0;
  let last: { serverName: string | undefined; client: string | undefined } = {
    serverName: undefined,
    client: undefined,
  };
  const clients: Record<string, number> = {};
  const server = createServer(
    {
      cert: own.certificate,
      key: own.key,
      ...(clientRoots && { ca: [...clientRoots], requestCert: true, rejectUnauthorized: true }),
    },
    (request, response) => {
      requests += 1;
      const { socket } = request;
      if (socket instanceof TLSSocket) {
        // A server that is asked for no name says false.
        const asked: unknown = Reflect.get(socket, 'servername');
        const client = clientRoots === undefined ? undefined : socket.getPeerCertificate().subject.CN;
        last = { serverName: typeof asked === 'string' ? asked : undefined, client };
        if (client !== undefined) clients[client] = (clients[client] ?? 0) + 1;
      }
      const sequence = request.headers['x-sequence'];
      if (typeof sequence === 'string') response.setHeader('x-sequence', sequence);
      response.end(`${name}\n`);
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.address, () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('no address'));
    });
  });
  return {
    port,
    requests: () => requests,
    last: () => last,
    clients: () => ({ ...clients }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
