import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { deltaPath } from '../../bench/support/discovery-bytes.ts';
import {
  callNumber,
  frame,
  frameHeaderBytes,
  frameType,
  grpcPrefixed,
  preface,
  requestHeaders,
} from '../../bench/support/http2-frames.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { servicePath } from '../conformance/service-paths.ts';

/** A connection that sends whatever bytes a test wants. */
export interface RawConnection {
  readonly socket: Socket;
  readonly isOpen: () => boolean;
  /** Resolves once the bytes are out of our hands, or the connection is closed. */
  write(bytes: Uint8Array): Promise<void>;
  readonly connected: Promise<boolean>;
  /** Milliseconds from the call of `connectRaw` until the server had closed it. */
  readonly closed: Promise<number>;
  destroy(): void;
}

export interface RawOptions {
  /** One of 127.0.0.0/8: limits count by address. */
  readonly from?: string;
  readonly secure?: boolean;
  /** Nothing is read, so that the kernel's windows close. */
  readonly silent?: boolean;
}

/** Opens a connection to a port of this machine. */
export function connectRaw(port: number, { from = '127.0.0.1', secure = false, silent = false }: RawOptions = {}) {
  const began = performance.now();
  const options = { port, host: '127.0.0.1', localAddress: from, noDelay: true };
  const socket = secure
    ? connectSecurely({ ...options, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    : connect(options);
  socket.on('error', () => {});
  if (silent) socket.pause();
  else socket.resume();
  const closed = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(performance.now() - began));
  });
  const connection: RawConnection = {
    socket,
    isOpen: () => !socket.destroyed,
    async write(bytes) {
      if (socket.destroyed || socket.write(bytes)) return;
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    },
    connected: new Promise((resolve) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => resolve(true));
      closed.then(() => resolve(false));
    }),
    closed,
    destroy: () => socket.destroy(),
  };
  return connection;
}

/** The preface and these settings, `[identifier, value]`. */
export function opening(...settings: readonly (readonly [number, number])[]): Buffer {
  return Buffer.concat([preface, settingsFrame(...settings)]);
}

export function settingsFrame(...settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(frameType.settings, 0, 0, payload);
}

const headersOfCall = requestHeaders(deltaPath, false);
const headersOfClusters = requestHeaders(servicePath(clusterType, 'delta'), false);

/** HEADERS that open a delta stream of this number: an aggregated one, or one of clusters alone. */
export function openCall(number: number, ofClusters = false): Buffer {
  const bytes = Buffer.from(ofClusters ? headersOfClusters : headersOfCall);
  bytes.writeUInt32BE(number, 5);
  return bytes;
}

/** The block of header fields alone, without its frame. */
export const headerBlock = headersOfCall.subarray(frameHeaderBytes);

/** DATA of a call: bytes that already have their gRPC prefix, at most 16 KiB of them. */
export function data(bytes: Uint8Array, number = callNumber): Buffer {
  return frame(frameType.data, 0, number, bytes);
}

/** A DeltaDiscoveryRequest with its gRPC prefix; `node` in the first one of a stream only. */
export function subscribe(typeUrl: string, names: readonly string[], node?: string): Buffer {
  const request = new BinaryWriter();
  if (node !== undefined)
    request
      .tag(1, WireType.LengthDelimited)
      .bytes(new BinaryWriter().tag(1, WireType.LengthDelimited).string(node).finish());
  request.tag(2, WireType.LengthDelimited).string(typeUrl);
  for (const name of names) request.tag(3, WireType.LengthDelimited).string(name);
  return grpcPrefixed(request.finish());
}
