import { EventEmitter } from 'node:events';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import type { Call, CallHandler, CallListener } from './call.ts';
import { prefixLength } from './frame.ts';
import { RotatingCredentials } from './rotating-credentials.ts';
import { stillValid } from './tls-source.ts';
import { idlePartOfAge, shutDownText, slowText, type Transport, type TransportHost } from './transport.ts';
import { watchHandshakes } from './transport-handshake.ts';

/** Serves the same calls from grpc-js: slower (performance.md section 2), and the measure of what the other must do. */
export function openGrpcJsTransport(host: TransportHost): Transport {
  const { settings, clock } = host;
  const server = new Server({
    'grpc.max_receive_message_length': settings.receiveLimit,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': settings.keepaliveTime,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeout,
    'grpc.max_connection_age_ms': settings.maxAge,
    'grpc.max_connection_idle_ms': Math.ceil(settings.maxAge * idlePartOfAge),
    'grpc.max_connection_age_grace_ms': settings.maxAgeGrace,
    'grpc.max_concurrent_streams': 1_024,
    // MiB; unlimited otherwise.
    'grpc-node.max_session_memory': 128,
  });
  const credentials =
    host.credentials === 'plaintext'
      ? undefined
      : new RotatingCredentials(host.credentials, settings.firstRequest, (error) => host.onFailure(error, ''));
  const injector = server.createConnectionInjector(credentials ?? ServerCredentials.createInsecure());
  const begins = credentials === undefined ? [] : http2ServersOf(server).map((each) => watchHandshakes(each, host));
  const calls = new Set<GrpcJsCall>();
  for (const [path, handler] of host.handlers)
    server.addService(definitionOf(path), {
      [path]: (surface: Surface) => {
        const call = new GrpcJsCall(path, surface, host, () => calls.delete(call));
        calls.add(call);
        call.serve(handler);
      },
    });
  return {
    accept(socket) {
      for (const begin of begins) begin(socket);
      injector.injectConnection(socket);
      // grpc-js tells of no handshake.
      host.begun(`${socket.remoteAddress}:${socket.remotePort}`);
    },
    async close(drain) {
      credentials?.close();
      for (const call of [...calls]) call.fail(status.UNAVAILABLE, shutDownText);
      await new Promise<void>((resolve) => {
        const cancel = clock.after(drain, resolve);
        server.tryShutdown(() => {
          cancel();
          resolve();
        });
      });
      server.forceShutdown();
    },
  };
}

/** grpc-js tells nobody of a handshake that fails, and has no public way to the servers that know. */
function http2ServersOf(server: Server): readonly EventEmitter[] {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  return servers instanceof Map ? [...servers.keys()].filter((each) => each instanceof EventEmitter) : [];
}

type Surface = ServerDuplexStream<Buffer, Uint8Array>;

/** Bytes pass as they are, and every call looks like a stream in both directions: on the wire they do not differ. */
function definitionOf(path: string): ServiceDefinition {
  const pass = (bytes: Buffer): Buffer => bytes;
  return {
    [path]: {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    },
  };
}

class GrpcJsCall implements Call {
  readonly path: string;
  readonly peer: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly certificate: Uint8Array | undefined;
  readonly #surface: Surface;
  readonly #host: TransportHost;
  readonly #onClose: () => void;
  #listener: CallListener | undefined;
  #over = false;
  /** Why the call was over without the doing of its handler. */
  #lostReason: string | undefined;
  #unwritten = 0;
  /** Its stream is no more: what is unwritten will stay so. A call that is over may still have frames before its status. */
  #gone = false;
  #cancelSlow = () => {};

  constructor(path: string, surface: Surface, host: TransportHost, onClose: () => void) {
    this.path = path;
    this.peer = surface.getPeer();
    this.headers = headersOf(surface.metadata);
    const certificate = surface.getAuthContext().sslPeerCertificate;
    this.certificate = certificate && stillValid(certificate, Date.now());
    this.#surface = surface;
    this.#host = host;
    this.#onClose = onClose;
    surface.on('cancelled', () => {
      this.#gone = true;
      this.#watchSlow();
      this.#lost('the client has gone');
    });
    surface.on('error', (error: Error) => this.#lost(error.message));
  }

  serve(handler: CallHandler): void {
    this.#tell(() => handler(this));
  }

  confirm(): void {
    this.#host.confirm(this.peer);
  }

  listen(listener: CallListener): void {
    const reason = this.#lostReason;
    // It went while its caller was asked who it is.
    if (reason !== undefined) this.#tell(() => listener.gone(reason));
    if (this.#over) return;
    this.#listener = listener;
    this.#surface.on('data', (bytes: Buffer) => this.#tell(() => this.#listener?.message(bytes)));
    this.#surface.on('end', () => this.#tell(() => this.#listener?.halfClosed()));
  }

  pause(): void {
    this.#surface.pause();
  }

  resume(): void {
    this.#surface.resume();
  }

  write(frame: Uint8Array, written: () => void): void {
    if (this.#over) return;
    this.#unwritten += 1;
    if (this.#unwritten === 1) this.#watchSlow();
    // grpc-js makes the frame anew.
    this.#surface.write(frame.subarray(prefixLength), () => {
      this.#unwritten -= 1;
      this.#watchSlow();
      if (!this.#over) this.#tell(written);
    });
  }

  end(code: status, message: string): void {
    if (this.#over) return;
    this.#close();
    if (code === status.OK) this.#surface.end();
    else this.#surface.emit('error', Object.assign(new Error(message), { code, details: message }));
  }

  fail(code: status, message: string): void {
    if (this.#over) return;
    const listener = this.#listener;
    this.end(code, message);
    this.#lostReason = message;
    this.#tell(() => listener?.gone(message));
  }

  /** T10. Progress is a whole message here. */
  #watchSlow(): void {
    const { clock, settings } = this.#host;
    this.#cancelSlow();
    const isWaiting = this.#unwritten > 0 && !this.#gone;
    this.#cancelSlow = isWaiting ? clock.after(settings.slowReader, () => this.#cut()) : () => {};
  }

  #cut(): void {
    const reason = slowText(this.#host.settings.slowReader);
    this.#host.refused(this.peer, status.DEADLINE_EXCEEDED, reason);
    this.#lost(reason);
    this.#host.destroy(this.peer);
  }

  #tell(action: () => unknown): void {
    try {
      const result = action();
      if (result instanceof Promise) result.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#host.onFailure(error, this.peer);
    this.fail(status.INTERNAL, 'internal error');
  }

  #lost(reason: string): void {
    const listener = this.#listener;
    if (this.#over) return;
    this.#lostReason = reason;
    this.#close();
    this.#tell(() => listener?.gone(reason));
  }

  #close(): void {
    this.#over = true;
    this.#listener = undefined;
    this.#onClose();
  }
}

/** As Http2Call has them. */
function headersOf(metadata: Metadata): ReadonlyMap<string, readonly string[]> {
  const names = Object.keys(metadata.getMap()).filter((name) => !name.endsWith('-bin'));
  return new Map(names.map((name) => [name, metadata.get(name).map((value) => value.toString())]));
}
