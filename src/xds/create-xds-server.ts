import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { CallHandler } from './call.ts';
import { systemClock } from './clock.ts';
import { createConnections } from './connections.ts';
import { createFrames } from './frames.ts';
import { defaultLimits } from './incoming.ts';
import { type ConnectionSettings, defaultConnection, defaultTiming, type XdsServerOptions } from './server-options.ts';
import { servicePaths } from './service-paths.ts';
import type { StreamStatus } from './status.ts';
import { type LiveStream, type StreamHost, serveStream } from './stream.ts';
import { shutDownText } from './transport.ts';
import { openGrpcJsTransport } from './transport-grpc-js.ts';
import { openHttp2Transport } from './transport-http2.ts';
import { createTurnQueue } from './turn-queue.ts';

/** A running server. */
export interface XdsServer<Principal> {
  readonly port: number;
  /** Every open stream, oldest first. */
  status(): readonly StreamStatus<Principal>[];
  /** Ends streams with a status: of a revoked credential, for example. Returns how many. */
  closeStreams(
    which: (stream: Pick<LiveStream<Principal>, 'principal' | 'node' | 'peer'>) => boolean,
    code: status,
    message: string,
  ): number;
  /** X24: accepts nothing more, ends every stream with UNAVAILABLE, then the connections. No empty pushes. */
  close(): Promise<void>;
}

/** How long connections may take to end by themselves at a shutdown, in milliseconds. */
const drainTime = 1_000;

/**
 * Starts an xDS server: aggregated streams and those of one type, delta and SotW (X1), and other methods beside them. Rejects with the
 * error of the socket (`EADDRINUSE` …) when the address cannot be had.
 */
export async function createXdsServer<Principal>(options: XdsServerOptions<Principal>): Promise<XdsServer<Principal>> {
  const clock = options.clock ?? systemClock;
  const settings: ConnectionSettings = { ...defaultConnection, ...options.connection };
  const connections = createConnections({
    deadline: settings.firstRequest,
    unconfirmedPerAddress: settings.unauthenticatedPerAddress,
    clock,
  });
  // Numbers begin anywhere, so that a nonce of an earlier process is not taken for one of this (X26).
  let last = randomBytes(4).readUInt32BE();
  const host: StreamHost<Principal> = {
    options,
    clock,
    settings,
    timing: { ...defaultTiming, ...options.timing },
    limits: { ...defaultLimits, ...options.limits },
    frames: createFrames(options.identifier, last),
    queue: createTurnQueue(),
    streams: new Map(),
    nextNumber: () => {
      last += 1;
      return last;
    },
  };
  const handlers = new Map<string, CallHandler>(options.handlers);
  for (const [path, kind] of servicePaths) handlers.set(path, (call) => serveStream(call, kind, host));
  const open = options.transport === 'grpc-js' ? openGrpcJsTransport : openHttp2Transport;
  const transport = open({
    credentials: options.credentials,
    settings,
    clock,
    handlers,
    confirm: connections.confirm,
    destroy: connections.destroy,
    onFailure: (error, peer) => options.observe?.({ kind: 'failed', peer, error }),
  });
  const port = await connections
    .listen(options.address, options.port, transport.accept)
    .catch(async (error: unknown) => {
      await transport.close(0);
      throw error;
    });

  return {
    port,
    status: () => Array.from(host.streams.values(), (stream) => stream.status()),
    closeStreams(which, code, message) {
      const ended = [...host.streams.values()].filter(which);
      for (const stream of ended) stream.end(code, message);
      return ended.length;
    },
    async close() {
      connections.stopAccepting();
      for (const stream of [...host.streams.values()]) stream.end(status.UNAVAILABLE, shutDownText);
      await transport.close(drainTime);
      connections.destroyAll();
    },
  };
}
