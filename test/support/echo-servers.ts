import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import {
  Server as GrpcServer,
  Metadata,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { type Application, startApplication } from './application.ts';

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** HTTP/1 spelled out by hand, so that every byte is known. What each connection said is put into `heard`. */
export function listenPlainHttp(place: Place, heard: string[]): Promise<() => void> {
  return listenTcp(place, (socket) => answerHttp(socket, heard));
}

function answerHttp(socket: Socket, heard: string[]): void {
  const index = heard.push('') - 1;
  let done = false;
  let continued = false;
  const finish = (text: string) => {
    done = true;
    socket.end(text, 'latin1');
  };
  socket.on('end', () => socket.end());
  socket.on('data', (chunk: Buffer) => {
    heard[index] += chunk.toString('latin1');
    const text = heard[index] ?? '';
    if (done || !text.includes('\r\n\r\n')) return;
    const path = text.split(' ')[1];
    if (path === '/refuse') finish('HTTP/1.1 417 No Thanks\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope');
    else if (path === '/continue') {
      if (!continued) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      continued = true;
      if (text.endsWith('body')) finish('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
    } else if (path === '/trailers') {
      if (/x-sent-trailer: yes\r\n\r\n$/i.test(text) || text.endsWith('0\r\n\r\n'))
        finish(
          'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n',
        );
    } else finish('HTTP/1.1 200 Fine Indeed\r\nX-CaSe: KePt\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
  });
}

/** Speaks first, echoes lines, and on "close" ends its own half; what comes after that goes to `afterClose`. */
export function listenLines(place: Place, afterClose: (text: string) => void): Promise<() => void> {
  return listenTcp(place, (socket) => answerLines(socket, afterClose));
}

function answerLines(socket: Socket, afterClose: (text: string) => void): void {
  socket.write('220 ready\r\n');
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    if (closed) afterClose(chunk.toString());
    else if (chunk.toString() === 'close\r\n') {
      closed = true;
      socket.end('221 closing\r\n');
    } else socket.write(chunk);
  });
  socket.on('end', () => {
    if (!closed) socket.end('221 you closed\r\n');
  });
}

async function listenTcp(place: Place, answer: (socket: Socket) => void): Promise<() => void> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(place.port, place.address, resolve));
  return () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
}

/** What a server answers to the key of a WebSocket. */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** An HTTP application that takes every upgrade and echoes its bytes. */
export async function startUpgradingApplication(place: Place): Promise<Application> {
  const web = await startApplication(place, 'web');
  web.server.on('upgrade', ({ headers }, socket: Socket, head: Buffer) => {
    const accept = webSocketAccept(String(headers['sec-websocket-key']));
    const lines = [`Upgrade: ${headers.upgrade}`, 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) socket.write(head);
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  return web;
}

type Chat = ServerDuplexStream<Buffer, Buffer>;
const asIs = (bytes: Buffer) => bytes;
/** One bidirectional stream of bytes. */
export const echoService: ServiceDefinition = {
  chat: {
    path: '/test.Echo/Chat',
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
};

/** A gRPC server that echoes; "fail" ends the stream with a status. */
export async function listenGrpc({ address, port }: Place): Promise<() => void> {
  const server = new GrpcServer();
  server.addService(echoService, {
    chat(call: Chat) {
      call.on('data', (message: Buffer) => {
        if (message.toString() === 'fail')
          call.emit('error', { code: status.FAILED_PRECONDITION, details: 'asked to fail' });
        else call.write(message);
      });
      call.on('end', () => {
        const trailer = new Metadata();
        trailer.set('x-messages', 'all');
        call.end(trailer);
      });
    },
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return () => server.forceShutdown();
}
