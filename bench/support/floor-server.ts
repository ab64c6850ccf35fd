// A program of its own: the least that serving can cost. HTTP/2 by hand; every response is made once, frames and all, with one
// nonce for everybody; whatever a client says of a type that it was answered on is taken for an acknowledgement.
import { createServer, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { contentHash } from '../../src/proto/content-hash.ts';
import { deltaResponse } from './discovery-bytes.ts';
import { createFrameReader } from './frame-reader.ts';
import {
  acknowledged,
  dataFrames,
  frameType,
  generousSettings,
  preface,
  responseHeaders,
  settingsAcknowledgement,
} from './http2-frames.ts';
import { createMessageScanner, requestFields } from './message-scanner.ts';
import { serveCommands } from './program.ts';
import { monotonic, processorTime, type ResourceText, type ServerCommands } from './protocol.ts';
import { createMeter } from './usage.ts';

/** performance.md 2.4: more at once makes the output buffer of a TLS session grow, for good. */
const sliceBytes = 64 * 1024;

const resources = new Map<string, Map<string, ResourceText>>();
const responses = new Map<string, Buffer>();
const sockets = new Set<Socket>();
const meter = createMeter(() => 0);
let secure = false;
let left = 0;
let done = () => {};

function framesOf(typeUrl: string, texts: Iterable<ResourceText>): Buffer {
  const sent = Array.from(texts, ({ name, value }) => {
    const bytes = Buffer.from(value, 'base64');
    return { typeUrl, name, version: contentHash(bytes), value: bytes };
  });
  return dataFrames(deltaResponse(typeUrl, '1a2b3c.1', sent));
}

function put(texts: readonly ResourceText[]): void {
  for (const text of texts) {
    const ofType = resources.get(text.typeUrl) ?? new Map<string, ResourceText>();
    resources.set(text.typeUrl, ofType.set(text.name, text));
  }
}

/** What still waits to be written to a socket, in slices, one after another: nothing may come between. */
const waiting = new WeakMap<Socket, Buffer[]>();

function write(socket: Socket, frames: Buffer): void {
  const queue = waiting.get(socket) ?? [];
  if (queue.length === 0 && (!secure || frames.length <= sliceBytes)) {
    socket.write(frames);
    return;
  }
  waiting.set(socket, queue);
  for (let at = 0; at < frames.length; at += sliceBytes) queue.push(frames.subarray(at, at + sliceBytes));
  if (queue.length === Math.ceil(frames.length / sliceBytes)) writeNext(socket, queue);
}

function writeNext(socket: Socket, queue: Buffer[]): void {
  const [slice] = queue;
  if (slice === undefined) return;
  socket.write(slice, () => {
    queue.shift();
    writeNext(socket, queue);
  });
}

function serve(socket: Socket): void {
  const answered = new Set<string>();
  const scan = createMessageScanner(requestFields, { typeOnly: true }, ({ typeUrl }) => {
    if (answered.has(typeUrl)) {
      left -= 1;
      if (left === 0) done();
      return;
    }
    answered.add(typeUrl);
    write(socket, responses.get(typeUrl) ?? Buffer.alloc(0));
  });
  const read = createFrameReader(
    {
      data: scan,
      control(type, flags) {
        if (type === frameType.settings && (flags & acknowledged) === 0) socket.write(settingsAcknowledgement);
        else if (type === frameType.headers) socket.write(responseHeaders);
      },
    },
    preface.length,
  );
  sockets.add(socket);
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => read(chunk, chunk.length));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => sockets.delete(socket));
  socket.write(generousSettings);
}

const commands: ServerCommands = {
  async start({ resources: texts, certificates }) {
    put(texts);
    for (const [typeUrl, ofType] of resources) responses.set(typeUrl, framesOf(typeUrl, ofType.values()));
    secure = certificates !== undefined;
    const server =
      certificates === undefined
        ? createServer(serve)
        : createSecureServer(
            {
              cert: certificates.server.certificateChain,
              key: certificates.server.privateKey,
              ca: certificates.authority,
              requestCert: true,
              rejectUnauthorized: false,
              minVersion: 'TLSv1.3',
              ALPNProtocols: ['h2'],
            },
            serve,
          );
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, resolve));
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0 };
  },
  async push({ resources: texts, streams }) {
    const cpu = processorTime();
    const startedAt = monotonic();
    const [first] = texts;
    const frames = framesOf(first?.typeUrl ?? '', texts);
    left = streams;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    for (const socket of sockets) write(socket, frames);
    await all;
    return { startedAt, took: monotonic() - startedAt, cpu: processorTime() - cpu, encodes: texts.length };
  },
  put({ resources: texts }) {
    const frames = framesOf(texts[0]?.typeUrl ?? '', texts);
    for (const socket of sockets) write(socket, frames);
    return { versions: texts.map(({ value }) => contentHash(Buffer.from(value, 'base64'))) };
  },
  usage: meter.usage,
  watchLoop: meter.watchLoop,
};
serveCommands(commands);
