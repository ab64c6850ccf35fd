// A program of its own: src/xds alone, with resources that it is given. The one place that knows how a server is made.
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { createLayer, updateLayer } from '../../src/xds/layer.ts';
import { createResource, encodeCounter, type Resource } from '../../src/xds/resource.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';
import type { TlsSource } from '../../src/xds/tls-source.ts';
import { clusterType } from './discovery-bytes.ts';
import { serveCommands } from './program.ts';
import { type Certificates, monotonic, processorTime, type ResourceText, type ServerCommands } from './protocol.ts';
import { createMeter } from './usage.ts';

const resources = new Map<string, Resource>();
const watchers = new Set<() => void>();
const meter = createMeter(() => encodeCounter.resources);
let layer = createLayer([]);
let snapshot: Snapshot = { generation: 0, commit: '', layers: [layer] };
let left = 0;
let done = () => {};

function put(texts: readonly ResourceText[]): readonly Resource[] {
  const changed = texts.map(({ typeUrl, name, value, clusters = [], edsName }) =>
    createResource({
      typeUrl,
      name,
      value: Buffer.from(value, 'base64'),
      references: clusters.map((cluster) => ({ typeUrl: clusterType, name: cluster })),
      ...(edsName === undefined ? {} : { edsName }),
    }),
  );
  for (const resource of changed) resources.set(`${resource.typeUrl} ${resource.name}`, resource);
  layer = layer.types.size === 0 ? createLayer(changed) : updateLayer(layer, { set: changed });
  snapshot = { generation: snapshot.generation + 1, commit: '', layers: [layer] };
  for (const watcher of [...watchers]) watcher();
  return changed;
}

function credentials(certificates: Certificates | undefined): 'plaintext' | TlsSource {
  if (certificates === undefined) return 'plaintext';
  return { get: () => certificates.server, watch: () => () => {}, clientAuthority: certificates.authority };
}

const commands: ServerCommands = {
  async start({ resources: texts, certificates }) {
    put(texts);
    const server = await createXdsServer<string>({
      address: '127.0.0.1',
      port: 0,
      credentials: credentials(certificates),
      connection: { unauthenticatedPerAddress: Number.POSITIVE_INFINITY },
      identifier: 'bench',
      authenticate: () => ({ ok: 'bench' }),
      open: () => ({
        ok: {
          snapshot: () => snapshot,
          watch: (onChange) => {
            watchers.add(onChange);
            return () => watchers.delete(onChange);
          },
          close: () => {},
        },
      }),
      observe: (event) => {
        if (event.kind === 'failed' || event.kind === 'refused' || event.kind === 'nacked') console.error(event);
        if (event.kind !== 'acked') return;
        left -= 1;
        if (left === 0) done();
      },
    });
    return { port: server.port };
  },
  async push({ resources: texts, streams }) {
    const { resources: encodes } = encodeCounter;
    const cpu = processorTime();
    const startedAt = monotonic();
    left = streams;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    put(texts);
    await all;
    return {
      startedAt,
      took: monotonic() - startedAt,
      cpu: processorTime() - cpu,
      encodes: encodeCounter.resources - encodes,
    };
  },
  put: ({ resources: texts }) => ({ versions: put(texts).map(({ version }) => version) }),
  usage: meter.usage,
  watchLoop: meter.watchLoop,
};
serveCommands(commands);
