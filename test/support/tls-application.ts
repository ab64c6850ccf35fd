import { createSecureServer, type Http2ServerRequest } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { TLSSocket } from 'node:tls';

export interface TlsApplication {
  readonly port: number;
  readonly requests: () => number;
  /** What the last request's connection asked for, who its client said it is, and the version of HTTP. */
  readonly last: () => Seen;
  /** How many requests came from which client, by the common name of its certificate. */
  readonly clients: () => Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export interface Seen {
  readonly serverName: string | undefined;
  readonly client: string | undefined;
  readonly version: string;
}

/** A small HTTPS application, HTTP/1 and 2; with `clientRoots` (PEM) it demands a certificate of its clients; `curve`: the one that it knows. Port 0 is a free one. */
export async function startTlsApplication(
  where: { readonly address: string; readonly port: number },
  name: string,
  own: { readonly certificate: string; readonly key: string; readonly curve?: string },
  clientRoots?: readonly string[],
): Promise<TlsApplication> {
  let requests = 0;
  let last: Seen = { serverName: undefined, client: undefined, version: '' };
  const clients: Record<string, number> = {};
  const open = new Set<{ destroy(): unknown }>();
  const demands = clientRoots && { ca: [...clientRoots], requestCert: true, rejectUnauthorized: true };
  const server = createSecureServer(
    { cert: own.certificate, key: own.key, ...(own.curve && { ecdhCurve: own.curve }), allowHTTP1: true, ...demands },
    (request, response) => {
      requests += 1;
      last = seen(request, clientRoots !== undefined);
      if (last.client !== undefined) clients[last.client] = (clients[last.client] ?? 0) + 1;
      const sequence = request.headers['x-sequence'];
      if (typeof sequence === 'string') response.setHeader('x-sequence', sequence);
      response.end(`${name}\n`);
    },
  );
  server.on('secureConnection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
  });
  return {
    port: await listen(server, where),
    requests: () => requests,
    last: () => last,
    clients: () => ({ ...clients }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function seen(request: Http2ServerRequest, demandsClients: boolean): Seen {
  const { httpVersion: version } = request;
  const socket: unknown = version === '2.0' ? request.stream.session?.socket : request.socket;
  // A session lends its socket as a stand-in, which is asked by name.
  const get = (field: string): unknown =>
    typeof socket === 'object' && socket !== null ? Reflect.get(socket, field) : '';
  const asked = get('servername');
  const client = demandsClients && socket instanceof TLSSocket ? socket.getPeerCertificate().subject.CN : undefined;
  return { serverName: typeof asked === 'string' ? asked : undefined, client, version };
}

function listen(
  server: Pick<Server, 'once' | 'listen' | 'address'>,
  where: { readonly address: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.address, () => {
      const address: AddressInfo | string | null = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('no address'));
    });
  });
}
