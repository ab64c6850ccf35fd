// A program of its own: the control plane from the repository to the streams, without certificates and tokens. The one place that knows how
// these parts are put together here; start-control-plane.ts is the whole.
import { treeCheckSteps } from '../../src/control-plane/check-tree.ts';
import { createGitRepository } from '../../src/control-plane/git-repository.ts';
import { inSlices } from '../../src/control-plane/in-slices.ts';
import { createMeshSource, type MeshSource } from '../../src/control-plane/mesh-source.ts';
import { type PolicySource, startPolicySource } from '../../src/control-plane/policy-source.ts';
import { createProxySnapshots, type ProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { withEntries } from '../../src/model/sorted-map.ts';
import { systemClock } from '../../src/model/state-store.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createLocalPorts } from '../../src/registry/local-ports.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { resolveCounters } from '../../src/resolve/counters.ts';
import { refTo } from '../../src/resolve/destination.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import { clusterName, proxyName, servicePortName } from '../../src/translate/names.ts';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { encodeCounter } from '../../src/xds/resource.ts';
import { namespaceName, serviceName } from './policy-tree.ts';
import { serveCommands } from './program.ts';
import { type Counted, monotonic, type PolicyCommands, processorTime } from './protocol.ts';
import { createMeter } from './usage.ts';

const settings = { trustDomain: 'bench.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
const meter = createMeter(() => encodeCounter.resources);
let policies: PolicySource | undefined;
let snapshots: ProxySnapshots | undefined;
let mesh: MeshSource | undefined;
let joined: ReturnType<typeof createCell<ReadonlyMap<string, Workload>>> | undefined;
let namespaces = 0;
let onAcked = (): void => {};
/** Streams by the number of responses that wait for an answer. */
const waiting = new Map<number, number>();
let [sent, bytes, acked] = [0, 0, 0];
const connected = new Set<string>();

function workloadsOf(size: { readonly namespaces: number; readonly services: number }): ReadonlyMap<string, Workload> {
  const all = new Map<string, Workload>();
  for (let namespace = 0; namespace < size.namespaces; namespace += 1) {
    for (let index = 0; index < size.services; index += 1) {
      for (const version of ['v1', 'v2']) all.set(...workload(namespace, index, version));
    }
  }
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function workload(namespaceIndex: number, index: number, version: string): [string, Workload] {
  const [namespace, service] = [namespaceName(namespaceIndex), serviceName(index)];
  const name = `${service}-${version}`;
  const labels = { app: service, version };
  const id = `${name}.${namespace}`;
  return [
    id,
    {
      id,
      name,
      namespace,
      labels,
      granted: labels,
      service,
      serviceAccount: service,
      identity: spiffeId({ trustDomain: settings.trustDomain, namespace, serviceAccount: service }),
      address: `10.${namespaceIndex}.${index >> 7}.${((index & 127) << 1) + (version === 'v1' ? 0 : 1)}`,
      ports: [{ port: 8080, endpointPort: 18_080, protocol: 'http' }],
      weight: 1,
      health: 'healthy',
      source: 'proxy',
    },
  ];
}

function counted(): Counted {
  const { views, services, inbound, endpoints } = resolveCounters;
  const encodes = Object.values(translateCounters).reduce((sum, count) => sum + count, 0);
  return { views, services, inbound, endpoints, encodes, wire: encodeCounter.resources, sent, bytes, acked };
}

const commands: PolicyCommands = {
  async start({ folder, namespaces: count, services }) {
    const startedAt = monotonic();
    const cpu = processorTime();
    namespaces = count;
    const workloads = workloadsOf({ namespaces: count, services });
    const moving = createCell<ReadonlyMap<string, Workload>>(workloads);
    const registry = createRegistry([{ name: 'bench', workloads: moving }]);
    joined = moving;
    const memory = new Map<string, Uint8Array>();
    const store = {
      read: async (key: string) => memory.get(key),
      write: async (key: string, value: Uint8Array) => void memory.set(key, value),
      delete: async (key: string) => void memory.delete(key),
      list: async () => [...memory.keys()],
    };
    const steps = treeCheckSteps({ settings, folders: 'namespace', root: 'policies', joined: () => moving.get() });
    policies = await startPolicySource({
      repository: createGitRepository({ location: folder, path: 'policies', workingTree: false }),
      check: (...tree) => inSlices(steps(...tree)),
      store,
      pollMilliseconds: 3_600_000,
    });
    const errors = policies.state.get().diagnostics.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new Error(JSON.stringify(errors[0]));
    const served = createCell<PolicySet | undefined>(policies.state.get().served?.policies);
    policies.state.watch((state) => served.set(state.served?.policies));
    mesh = createMeshSource({
      settings,
      policies: served,
      registry,
      localPorts: createLocalPorts(store, systemClock),
      clock: systemClock,
      quiet: 0,
      longest: 1_000,
      onFailure: (error) => console.error(error),
    });
    const secrets = createCell<undefined | { certificateChain: string; privateKey: string; bundle: readonly string[] }>(
      {
        certificateChain: 'chain',
        privateKey: 'key',
        bundle: ['root'],
      },
    );
    const made = createProxySnapshots({ mesh, secrets: () => secrets, onFailure: (error) => console.error(error) });
    snapshots = made;
    const server = await createXdsServer<string>({
      address: '127.0.0.1',
      port: 0,
      credentials: 'plaintext',
      connection: { unauthenticatedPerAddress: Number.POSITIVE_INFINITY },
      identifier: 'bench',
      virtualHosts: 'all',
      authenticate: () => ({ ok: 'bench' }),
      open: ({ node }) => {
        // `sidecar~10.9.0.7~proxy-7.default~…`: proxies stand in turn before the services of each namespace.
        const number = Number(/proxy-(\d+)\./.exec(node.id)?.[1]);
        const [namespaceIndex, index] = [number % namespaces, Math.floor(number / namespaces)];
        const [id, own] = workload(namespaceIndex, index, 'v1');
        const { name, namespace, labels, identity, service } = own;
        if (identity === undefined || service === undefined) throw new Error('no identity');
        connected.add(id);
        const held = made.hold({
          id,
          name,
          namespace,
          service,
          labels,
          identity,
          ports: [{ port: 8080, inbound: 18_080, protocol: 'http' }],
          inboundBind: '0.0.0.0',
          applicationAddress: '127.0.0.1',
          capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
          envoyVersion: '1.40.0',
        });
        return {
          ok: {
            snapshot: () => held.snapshot.get(),
            watch: (onChange) => held.snapshot.watch(onChange),
            close: () => held.release(),
          },
        };
      },
      observe: (event) => {
        // The first of a scope is told to come again until its view is ready.
        if (event.kind === 'failed' || event.kind === 'nacked') console.error(event);
        if (event.kind === 'sent') {
          sent += 1;
          for (const { value } of event.resources) bytes += value.length;
          waiting.set(event.stream, (waiting.get(event.stream) ?? 0) + 1);
        }
        if (event.kind === 'acked') {
          acked += 1;
          waiting.set(event.stream, (waiting.get(event.stream) ?? 0) - 1);
          onAcked();
        }
      },
    });
    return { port: server.port, took: monotonic() - startedAt, cpu: processorTime() - cpu };
  },
  names() {
    const refs = (mesh?.get()?.services ?? []).flatMap((service) =>
      service.ports.map(({ number }) => refTo(service, number)),
    );
    const endpoints = refs.flatMap((ref) => [ref, { ...ref, subset: 'v1' }, { ...ref, subset: 'v2' }].map(clusterName));
    return { endpoints, routes: [proxyName, ...refs.map(servicePortName)], virtualHosts: refs.length + 1 };
  },
  async change({ proxies }) {
    const before = counted();
    const startedAt = monotonic();
    const cpu = processorTime();
    await policies?.refresh();
    const checked = monotonic();
    const deadline = startedAt + 60_000;
    const isDone = () =>
      new Set([...connected].map((id) => snapshots?.of(id)?.commit)).size === 1 &&
      acked - before.acked >= proxies &&
      [...waiting.values()].every((count) => count <= 0);
    while (!isDone()) {
      if (monotonic() > deadline) throw new Error(`${acked - before.acked} of ${proxies} proxies acknowledged`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const now = counted();
    const since = {
      views: now.views - before.views,
      services: now.services - before.services,
      inbound: now.inbound - before.inbound,
      endpoints: now.endpoints - before.endpoints,
      encodes: now.encodes - before.encodes,
      wire: now.wire - before.wire,
      sent: now.sent - before.sent,
      bytes: now.bytes - before.bytes,
      acked: now.acked - before.acked,
    };
    return { took: monotonic() - startedAt, checked: checked - startedAt, cpu: processorTime() - cpu, counted: since };
  },
  async move({ mark, proxies }) {
    const [id, own] = workload(0, 0, 'v1');
    const [before, startedAt] = [acked, monotonic()];
    const moved = { ...own, address: `10.99.${mark >> 8}.${mark & 255}` };
    joined?.set(withEntries(joined.get(), new Map([[id, moved]])));
    // Nobody looks again and again meanwhile: that would be processor time of the measurement.
    await new Promise<void>((resolve) => {
      onAcked = () => {
        if (acked - before >= proxies) resolve();
      };
    });
    onAcked = () => {};
    return { took: monotonic() - startedAt };
  },
  usage: meter.usage,
  watchLoop: meter.watchLoop,
};
serveCommands(commands);
