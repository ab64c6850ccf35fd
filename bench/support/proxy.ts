import { connect, type Socket } from 'node:net';
import { connect as connectSecurely, type SecureContext } from 'node:tls';
import { acknowledgementTemplate, deltaPath } from './discovery-bytes.ts';
import { createFrameReader } from './frame-reader.ts';
import {
  acknowledged,
  callNumber,
  frame,
  frameHeaderBytes,
  frameType,
  generousSettings,
  initialWindow,
  initialWindowSetting,
  largestFrame,
  preface,
  requestHeaders,
  settingsAcknowledgement,
  windowUpdate,
  writeFrameHeader,
} from './http2-frames.ts';
import { createMessageScanner, responseFields, type Scanned } from './message-scanner.ts';

/** A pretended proxy: one connection, one delta stream, everything acknowledged at once. */
export interface Proxy {
  /** Sends a message that has its gRPC prefix; the bytes may be shared. */
  send(message: Buffer): void;
  readonly bytes: () => number;
  destroy(): void;
}

export interface ProxyOptions {
  readonly port: number;
  readonly context: SecureContext | undefined;
  readonly noteVersions: boolean;
  /** A response has come whole, and its acknowledgement is on its way. */
  readonly received: (message: Scanned) => void;
  /** The connection or the stream has ended without `destroy`. */
  readonly lost: (reason: string) => void;
}

const endOfCall = 1;
/** Windows are given back when this much was taken, which is seldom. */
const refill = 2 ** 30;
/** Reads of every plaintext connection end up here, one after another; nothing is kept in it. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/** Connects; what is sent before the connection stands waits for it. */
export function startProxy(options: ProxyOptions): Proxy {
  const { context, port, lost } = options;
  /** What the server lets us send, on the connection and on the call. */
  const window = { connection: initialWindow, call: initialWindow, initial: initialWindow };
  const queue: { readonly message: Buffer; at: number }[] = [];
  let [bytes, toRefill] = [0, 0];
  let destroyed = false;

  function pump(): void {
    socket.cork();
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const length = Math.min(next.message.length - next.at, largestFrame, window.connection, window.call);
      if (length <= 0) break;
      const header = Buffer.allocUnsafe(frameHeaderBytes);
      writeFrameHeader(header, length, frameType.data, 0, callNumber);
      socket.write(header);
      socket.write(next.message.subarray(next.at, next.at + length));
      window.connection -= length;
      window.call -= length;
      next.at += length;
      if (next.at === next.message.length) queue.shift();
    }
    socket.uncork();
  }

  function acknowledge({ typeUrl, nonce, nonceLength }: Scanned): void {
    const template = acknowledgementOf(typeUrl, nonceLength);
    const whole = Buffer.allocUnsafe(template.length);
    template.copy(whole);
    nonce.copy(whole, template.length - nonceLength, 0, nonceLength);
    const length = whole.length - frameHeaderBytes;
    if (queue.length > 0 || length > window.connection || length > window.call) {
      queue.push({ message: whole, at: frameHeaderBytes });
      return;
    }
    window.connection -= length;
    window.call -= length;
    socket.write(whole);
  }

  const scan = createMessageScanner(responseFields, { noteVersions: options.noteVersions }, (message) => {
    acknowledge(message);
    options.received(message);
  });

  function control(type: number, flags: number, number: number, payload: Buffer): void {
    if (type === frameType.settings && (flags & acknowledged) === 0) {
      for (let at = 0; at + 6 <= payload.length; at += 6) {
        if (payload.readUInt16BE(at) !== initialWindowSetting) continue;
        window.call += payload.readUInt32BE(at + 2) - window.initial;
        window.initial = payload.readUInt32BE(at + 2);
      }
      socket.write(settingsAcknowledgement);
    } else if (type === frameType.ping && (flags & acknowledged) === 0)
      socket.write(frame(frameType.ping, acknowledged, 0, payload));
    else if (type === frameType.goAway || type === frameType.reset) ended(`frame ${type}: ${payload.toString('hex')}`);
    else if (type === frameType.windowUpdate) {
      window[number === 0 ? 'connection' : 'call'] += payload.readUInt32BE();
      if (queue.length > 0) pump();
    } else if (type === frameType.headers && (flags & endOfCall) !== 0)
      ended(`trailers: ${payload.toString('latin1')}`);
  }

  const read = createFrameReader({
    data(chunk, start, end) {
      toRefill += end - start;
      scan(chunk, start, end);
    },
    control,
  });

  function received(chunk: Uint8Array, length: number): boolean {
    bytes += length;
    read(chunk, length);
    if (toRefill > refill) {
      socket.write(windowUpdate(0, toRefill));
      socket.write(windowUpdate(callNumber, toRefill));
      toRefill = 0;
    }
    return true;
  }

  function ended(reason: string): void {
    if (destroyed) return;
    destroyed = true;
    socket.destroy();
    lost(reason);
  }

  const onread = { buffer: readBuffer, callback: (length: number, chunk: Uint8Array) => received(chunk, length) };
  const socket: Socket =
    context === undefined
      ? connect({ port, host: '127.0.0.1', noDelay: true, onread })
      : connectSecurely({
          port,
          host: '127.0.0.1',
          secureContext: context,
          ALPNProtocols: ['h2'],
          rejectUnauthorized: false,
        });
  if (context !== undefined) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => received(chunk, chunk.length));
  }
  socket.on('error', (error) => ended(error.message));
  socket.on('close', () => ended('the connection was closed'));
  socket.write(Buffer.concat([preface, generousSettings, requestHeaders(deltaPath, context !== undefined)]));
  return {
    send(message) {
      queue.push({ message, at: 0 });
      pump();
    },
    bytes: () => bytes,
    destroy() {
      destroyed = true;
      socket.destroy();
    },
  };
}

const templates = new Map<string, Buffer>();

function acknowledgementOf(typeUrl: string, nonceLength: number): Buffer {
  const key = `${typeUrl} ${nonceLength}`;
  const present = templates.get(key);
  if (present !== undefined) return present;
  const template = acknowledgementTemplate(typeUrl, nonceLength);
  templates.set(key, template);
  return template;
}
