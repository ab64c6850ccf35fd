import { once } from 'node:events';
import { createServer } from 'node:net';
import type { CheckRequest } from '../../src/proto/gen/envoy/service/auth/v3/external_auth_pb.ts';
import type { Place } from './echo-servers.ts';
import { listenAuthorizer } from './grpc-authorizer.ts';

/** What the judges say no to: of requests, every third by the length of the path without its query; of connections, those to this address. */
export function isRefusedPath(path: string): boolean {
  const [withoutQuery = ''] = path.split(/[?#]/);
  return withoutQuery.length % 3 === 0;
}
export const refusedDestination = '127.0.0.5';

export interface Judges {
  readonly http: Place;
  readonly grpc: Place;
  close(): void;
}

/** Two authorizers of one mind, one asked over HTTP, one over gRPC. */
export async function startJudges(): Promise<Judges> {
  // By hand: a judge must hear each request that Envoy lets through, and Node's own server refuses some.
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const [, path = ''] = text.slice(0, end).split(' ');
        text = text.slice(end + 4);
        socket.write(`HTTP/1.1 ${isRefusedPath(path) ? '403 Forbidden' : '200 OK'}\r\ncontent-length: 0\r\n\r\n`);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const spare = createServer().listen(0, '127.0.0.1');
  await once(spare, 'listening');
  const free = spare.address();
  if (free === null || typeof free === 'string') throw new Error('no port');
  spare.close();
  await once(spare, 'close');
  const grpc = { address: '127.0.0.1', port: free.port };
  const { close } = await listenAuthorizer(grpc, allows);
  return {
    http: { address: '127.0.0.1', port: address.port },
    grpc,
    close() {
      close();
      server.close();
    },
  };
}

function allows({ attributes }: CheckRequest): boolean {
  const path = attributes?.request?.http?.path;
  if (path !== undefined) return !isRefusedPath(path);
  const address = attributes?.destination?.address?.address;
  return address?.case !== 'socketAddress' || address.value.address !== refusedDestination;
}
