import { randomBytes } from 'node:crypto';
import { Server, type ServerDuplexStream, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { AggregatedDiscoveryService } from '../proto/gen/envoy/service/discovery/v3/ads_pb.ts';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { serviceDefinition } from '../proto/services.ts';
import { systemClock } from './clock.ts';
import { acceptConnections, type Connections } from './connections.ts';
import { fromDelta, fromSotw } from './incoming.ts';
import { type ConnectionSettings, defaultConnection, defaultTiming, type XdsServerOptions } from './server-options.ts';
import type { StreamStatus } from './status.ts';
import { type LiveStream, type StreamHost, serveStream } from './stream.ts';
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
 * Starts the xDS server: ADS, delta and SotW (X1), over the credentials it is given. Rejects with the error of the socket
 * (`EADDRINUSE` …) when the address cannot be had.
 */
export async function startXdsServer<Principal>(options: XdsServerOptions<Principal>): Promise<XdsServer<Principal>> {
  const clock = options.clock ?? systemClock;
  const settings: ConnectionSettings = { ...defaultConnection, ...options.connection };
  const server = new Server(channelOptions(settings));
  const injector = server.createConnectionInjector(options.credentials);
  const connections = await acceptConnections(
    { address: options.address, port: options.port, deadline: settings.firstRequest, clock },
    (socket) => injector.injectConnection(socket),
  );
  // Numbers begin anywhere, so that a nonce of an earlier process is not taken for one of this (X26).
  let last = randomBytes(4).readUInt32BE();
  const host: StreamHost<Principal> = {
    options,
    clock,
    settings,
    connections,
    timing: { ...defaultTiming, ...options.timing },
    queue: createTurnQueue(),
    streams: new Map(),
    nextNumber: () => {
      last += 1;
      return last;
    },
  };
  server.addService(serviceDefinition(AggregatedDiscoveryService), {
    deltaAggregatedResources: (call: ServerDuplexStream<DeltaDiscoveryRequest, Uint8Array>) =>
      serveStream(call, 'delta', fromDelta, host),
    streamAggregatedResources: (call: ServerDuplexStream<DiscoveryRequest, Uint8Array>) =>
      serveStream(call, 'sotw', fromSotw, host),
  });
  for (const { definition, implementation } of options.extraServices ?? [])
    server.addService(definition, guarded(implementation, host));

  return {
    port: connections.port,
    status: () => Array.from(host.streams.values(), (stream) => stream.status()),
    closeStreams(which, code, message) {
      const ended = [...host.streams.values()].filter(which);
      for (const stream of ended) stream.end(code, message);
      return ended.length;
    },
    close: () => shutDown(server, connections, host),
  };
}

function channelOptions(settings: ConnectionSettings) {
  return {
    'grpc.max_receive_message_length': 32 * 1024 * 1024,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': settings.keepaliveTime,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeout,
    'grpc.max_connection_age_ms': settings.maxAge,
    'grpc.max_connection_age_grace_ms': settings.maxAgeGrace,
    'grpc.max_concurrent_streams': 1_000,
    // MiB; unlimited otherwise.
    'grpc-node.max_session_memory': 128,
  };
}

async function shutDown<Principal>(
  server: Server,
  connections: Connections,
  host: StreamHost<Principal>,
): Promise<void> {
  connections.stopAccepting();
  for (const stream of [...host.streams.values()]) stream.end(status.UNAVAILABLE, 'the control plane is shutting down');
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, drainTime);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  server.forceShutdown();
  connections.destroyAll();
}

/** Handlers of other services: their connection counts as confirmed, and what they throw ends their call only (6.3). */
function guarded<Principal>(
  implementation: UntypedServiceImplementation,
  host: StreamHost<Principal>,
): UntypedServiceImplementation {
  const wrapped = Object.entries(implementation).map(([name, handler]) => {
    const call = handler as (call: HandlerCall, callback?: (error: object) => void) => unknown;
    const guardedHandler = async (surface: HandlerCall, callback?: (error: object) => void) => {
      try {
        host.connections.confirm(surface.getPeer());
        await call(surface, callback);
      } catch (error) {
        host.options.observe?.({ kind: 'failed', peer: surface.getPeer(), error });
        const refusal = Object.assign(new Error('internal error'), {
          code: status.INTERNAL,
          details: 'internal error',
        });
        if (callback === undefined) surface.emit('error', refusal);
        else callback(refusal);
      }
    };
    return [name, guardedHandler] as const;
  });
  return Object.fromEntries(wrapped) as unknown as UntypedServiceImplementation;
}

interface HandlerCall {
  getPeer(): string;
  emit(event: 'error', error: Error): boolean;
}
