// A program of its own: src/xds with every limit as a test wants it, that tells what it costs to be attacked.
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { serveCommands } from '../../bench/support/program.ts';
import { type Certificates, monotonic, processorTime, type ResourceText } from '../../bench/support/protocol.ts';
import { createMeter } from '../../bench/support/usage.ts';
import { createXdsServer, type XdsServer } from '../../src/xds/create-xds-server.ts';
import { createLayer, updateLayer } from '../../src/xds/layer.ts';
import { createResource, encodeCounter, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import type { Session, StreamEvent } from '../../src/xds/server-options.ts';
import { lookup, type Snapshot } from '../../src/xds/snapshot.ts';
import type { TlsSource } from '../../src/xds/tls-source.ts';
import { breakHeader, type Callback, orFail } from './hostile-callbacks.ts';
import { churned, type HostileCommands, type HostileOptions, type Memory } from './hostile-protocol.ts';

const watchers = new Set<() => void>();
const meter = createMeter(() => encodeCounter.resources);
let layer = createLayer([]);
let snapshot: Snapshot = { generation: 0, commit: '', layers: [layer] };
let server: XdsServer<string> | undefined;
let left = 0;
let done = () => {};

function resourceOf({ typeUrl, name, value, clusters = [], edsName }: ResourceText): Resource {
  return createResource({
    typeUrl,
    name,
    value: Buffer.from(value, 'base64'),
    references: clusters.map((cluster) => ({ typeUrl: clusterType, name: cluster })),
    ...(edsName === undefined ? {} : { edsName }),
  });
}

function put(changed: readonly Resource[]): readonly Resource[] {
  layer = updateLayer(layer, { set: changed });
  snapshot = { generation: snapshot.generation + 1, commit: '', layers: [layer] };
  for (const watcher of [...watchers]) watcher();
  return changed;
}

/** Who asked for a failure, by address, and the address of each stream. */
const wanted = new Map<string, string>();
const peers = new Map<number, string>();
const counts = { opened: 0, acked: 0, withdrawals: 0 };
const refused: Record<string, number> = {};
const failed = new Set<string>();

/** What fails gives back a promise, as an `async` callback does. */
function observe(event: StreamEvent<string>): unknown {
  if (event.kind === 'opened') {
    counts.opened += 1;
    peers.set(event.stream, event.peer);
  } else if (event.kind === 'refused') refused[event.code] = (refused[event.code] ?? 0) + 1;
  else if (event.kind === 'failed') failed.add(String(event.error));
  else if (event.kind === 'sent')
    counts.withdrawals += event.removed.filter((name) => lookup([layer], event.typeUrl, name) !== undefined).length;
  else if (event.kind === 'acked') {
    counts.acked += 1;
    left -= 1;
    if (left === 0) done();
  }
  const peer = 'stream' in event ? peers.get(event.stream) : event.peer;
  if (event.kind === 'closed') peers.delete(event.stream);
  return orFail(wanted.get(peer ?? '') ?? '', `observe-${event.kind}` as Callback, () => {});
}

function sessionOf(fault: string): Session {
  return {
    snapshot: () => orFail(fault, 'snapshot', () => snapshot),
    watch: (onChange) =>
      orFail(fault, 'watch', () => {
        watchers.add(onChange);
        return () => {
          watchers.delete(onChange);
          return orFail(fault, 'unwatch', () => {});
        };
      }),
    close: () => orFail(fault, 'close', () => {}),
  };
}

async function start(certificates: Certificates | undefined, options: HostileOptions): Promise<{ port: number }> {
  const { connection = {}, limits = {}, admission = { perSecond: 1e6, burst: 1e6 } } = options;
  const credentials: 'plaintext' | TlsSource =
    certificates === undefined
      ? 'plaintext'
      : { get: () => certificates.server, watch: () => () => {}, clientAuthority: certificates.authority };
  server = await createXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials,
    connection,
    limits,
    ...(admission === 'default' ? {} : { admission }),
    identifier: 'hostile-test',
    authenticate: ({ headers, peer }) => {
      const fault = headers.get(breakHeader)?.[0] ?? '';
      if (fault !== '') wanted.set(peer, fault);
      return orFail(fault, 'authenticate', () => ({ ok: fault }));
    },
    open: ({ principal: fault }) => orFail(fault, 'open', () => ({ ok: sessionOf(fault) })),
    observe,
  });
  return { port: server.port };
}

function memory(): Memory {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed, external, rss, peakRss: process.resourceUsage().maxRSS * 1024 };
}

async function settle(): Promise<Memory> {
  // Some objects go only after what their end calls back has run.
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc?.();
    await turn();
  }
  return memory();
}

let churning = 0;

async function churn({ count, bytes, every }: Parameters<HostileCommands['churn']>[0]): Promise<void> {
  for (churning = count; churning > 0; churning -= 1) {
    const value = Buffer.alloc(bytes, churning % 250);
    value.writeUInt32BE(churning, 0);
    put([createResource({ typeUrl: endpointType, name: churned, value })]);
    await (every === 0 ? turn() : pause(every));
  }
}

const commands: HostileCommands = {
  start({ resources, certificates, options = {} }) {
    put(resources.map(resourceOf));
    return start(certificates, options);
  },
  async push({ resources, streams }) {
    const { resources: encodes } = encodeCounter;
    const [cpu, startedAt] = [processorTime(), monotonic()];
    left = streams;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    put(resources.map(resourceOf));
    await all;
    const [took, encoded] = [monotonic() - startedAt, encodeCounter.resources - encodes];
    return { startedAt, took, cpu: processorTime() - cpu, encodes: encoded };
  },
  put: ({ resources }) => ({ versions: put(resources.map(resourceOf)).map(({ version }) => version) }),
  usage: meter.usage,
  watchLoop: meter.watchLoop,
  account() {
    const streams = server?.status() ?? [];
    const good = streams.filter(({ node }) => node.id.startsWith('sidecar~')).length;
    return { ...counts, good, others: streams.length - good, refused, churning, failures: [...failed] };
  },
  settle,
  litter() {
    let litter: unknown;
    const turn = (): void => {
      for (let index = 0; index < 300; index += 1) litter = { of: [index, index, index], last: String(index) };
      setImmediate(turn);
    };
    turn();
    return { litter };
  },
  memory,
  churn(details) {
    void churn(details);
    return {};
  },
};
serveCommands(commands);
