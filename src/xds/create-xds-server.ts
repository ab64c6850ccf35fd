import { randomBytes, randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { createAdmission } from './admission.ts';
import { answering } from './answers.ts';
import type { CallHandler } from './call.ts';
import { anyText, called, check, failureCode, withDefaults } from './check.ts';
import { checkOptions } from './check-options.ts';
import { systemClock } from './clock.ts';
import { createConnections } from './connections.ts';
import { withFirstMessage } from './first-message.ts';
import { createGuard } from './guard.ts';
import { inspecting } from './inspect.ts';
import { createLiveStreams, type LiveStream } from './live-streams.ts';
import { createNameAccounts } from './name-accounts.ts';
import { createQuarantine, type QuarantineEntry } from './quarantine.ts';
import { createRequestReader } from './read-request.ts';
import { defaultLimits } from './request-limits.ts';
import type { Resource } from './resource.ts';
import { createSeal } from './seal.ts';
import {
  type ConnectionSettings,
  defaultAdmission,
  defaultConnection,
  defaultQuiet,
  defaultTiming,
  type XdsServerOptions,
} from './server-options.ts';
import { servicePaths } from './service-paths.ts';
import { sessionsOf } from './sessions.ts';
import { createSnapshotStore, type SnapshotChange } from './snapshot-store.ts';
import type { StreamStatus } from './status.ts';
import { serveStream } from './stream.ts';
import type { StreamHost } from './stream-host.ts';
import { shutDownText } from './transport.ts';
import { openGrpcJsTransport } from './transport-grpc-js.ts';
import { openHttp2Transport } from './transport-http2.ts';
import { createTurnQueue } from './turn-queue.ts';
import { watchUnanswered } from './unanswered.ts';
import { watchDescriptors } from './watch-descriptors.ts';

/** A running server. */
export interface XdsServer<Principal = undefined> {
  readonly port: number;
  /** Serves these resources to every node, or to one alone that then gets nothing else; see snapshot-store.ts. */
  set(resources: Iterable<Resource>, node?: string): void;
  /** Changes a part of what `set` said, at the cost of that part. Throws where nothing was set. */
  update(change: SnapshotChange, node?: string): void;
  /** Serves a node what all are served. */
  clear(node: string): void;
  /** What clients refused and is withheld until it changes (X38). */
  quarantine(): readonly QuarantineEntry[];
  /** Offers it again all the same. Returns how many refusals were forgotten. */
  release(which: (entry: QuarantineEntry) => boolean): number;
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
 * error of the socket (`EADDRINUSE` …) when the address cannot be had, and with a TypeError for an option that there is not, or a certificate
 * that cannot be served.
 */
export async function createXdsServer<Principal = undefined>(
  options: XdsServerOptions<Principal>,
): Promise<XdsServer<Principal>> {
  checkOptions(options);
  const clock = options.clock ?? systemClock;
  const settings: ConnectionSettings = withDefaults(defaultConnection, options.connection);
  const queue = createTurnQueue();
  const connections = createConnections({
    deadline: settings.firstRequest,
    unconfirmedPerAddress: settings.unauthenticatedPerAddress,
    clock,
    queue,
    onClose: (peer) => streams.forget(peer),
  });
  const streams = createLiveStreams<Principal>(settings.perNode, connections);
  // Numbers begin anywhere, so that a nonce of an earlier process is not taken for one of this (X26).
  let last = randomBytes(4).readUInt32BE();
  // Whoever looks on ends nothing by failing (6.3), not even where it answers with a promise.
  const observe = createGuard((error) => process.emitWarning(error instanceof Error ? error : String(error)))(
    options.observe ?? (() => undefined),
  );
  const admissionSettings = withDefaults(defaultAdmission, options.admission);
  const admission = createAdmission(admissionSettings, clock);
  const snapshots = createSnapshotStore(clock, withDefaults(defaultQuiet, options.quiet), (error) =>
    observe({ kind: 'failed', peer: '', node: undefined, error }),
  );
  const timing = withDefaults(defaultTiming, options.timing);
  const limits = withDefaults(defaultLimits, options.limits);
  const host: StreamHost<Principal> = {
    // Who does not ask for credentials has no principals: then Principal is what nobody looks at.
    authenticate: options.authenticate
      ? answering('authenticate', options.authenticate)
      : () => ({ ok: undefined as Principal }),
    open: sessionsOf(options.open, snapshots),
    observe,
    inspect: inspecting(options.inspect, (error) => observe({ kind: 'failed', peer: '', node: undefined, error })),
    admission,
    quarantine: createQuarantine(),
    clock,
    settings,
    virtualHosts: options.virtualHosts ?? 'asked',
    timing,
    limits,
    read: createRequestReader(limits),
    seal: createSeal(options.identifier ?? `weft-${randomUUID()}`, last),
    queue,
    begins: connections.called,
    waits: (peer) => connections.postpone(peer, admissionSettings.longestWait),
    streams,
    names: createNameAccounts(limits.subscribedBytes),
    nextNumber: () => {
      last += 1;
      return last;
    },
  };
  const onFailure = (error: unknown, peer: string): void => observe({ kind: 'failed', peer, node: undefined, error });
  const handlers = new Map<string, CallHandler>();
  const timed = { clock, firstRequest: settings.firstRequest, begins: connections.called, onFailure };
  for (const [path, handler] of options.handlers ?? []) handlers.set(path, withFirstMessage(handler, timed));
  for (const [path, kind] of servicePaths) handlers.set(path, (call) => serveStream(call, kind, host));
  const open = options.transport === 'grpc-js' ? openGrpcJsTransport : openHttp2Transport;
  const transport = open({
    credentials: options.credentials,
    settings,
    clock,
    handlers,
    begun: connections.begun,
    later: queue.addPatient,
    confirm: connections.confirm,
    destroy: connections.destroy,
    abused: connections.abused,
    grantMany: connections.grantMany,
    refused: (peer, code, message) => observe({ kind: 'refused', peer, node: undefined, code, message }),
    onFailure,
  });
  const port = await connections
    .listen(options.address, options.port, transport.accept)
    .catch(async (error: unknown) => {
      await transport.close(0);
      throw error;
    });
  const unwatch = watchUnanswered({ longest: timing.unanswered, streams: host.streams, clock, observe });
  const unwatchDescriptors = watchDescriptors(clock, (error) =>
    observe({ kind: 'failed', peer: '', node: undefined, error }),
  );

  return {
    port,
    set: snapshots.set,
    update: snapshots.update,
    clear: snapshots.clear,
    quarantine: host.quarantine.entries,
    release(which) {
      check('release', which, called, 'which');
      const freed = host.quarantine.release(which);
      if (freed > 0) for (const stream of host.streams.all()) stream.wake();
      return freed;
    },
    status: () => Array.from(host.streams.all(), (stream) => stream.status()),
    closeStreams(which, code, message) {
      check('closeStreams', which, called, 'which');
      check('closeStreams', code, failureCode, 'code');
      check('closeStreams', message, anyText, 'message');
      const ended = [...host.streams.all()].filter(which);
      for (const stream of ended) stream.end(code, message);
      return ended.length;
    },
    async close() {
      connections.stopAccepting();
      unwatch();
      unwatchDescriptors();
      admission.stop();
      snapshots.stop();
      for (const stream of [...host.streams.all()]) stream.end(status.UNAVAILABLE, shutDownText);
      try {
        await transport.close(drainTime);
      } finally {
        connections.destroyAll();
      }
    },
  };
}
