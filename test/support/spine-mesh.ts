import { createMeshSource } from '../../src/control-plane/mesh-source.ts';
import { createProxySnapshots } from '../../src/control-plane/proxy-snapshots.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell, type Readable } from '../../src/model/readable.ts';
import { sortedMap, withEntries } from '../../src/model/sorted-map.ts';
import type { Workload } from '../../src/model/workload.ts';
import { type ParseCache, parsePolicies } from '../../src/policy/parse-policies.ts';
import { createLocalPorts } from '../../src/registry/local-ports.ts';
import type { RegistryState } from '../../src/registry/registry.ts';
import { workloadsOfEntries } from '../../src/registry/workload-entries.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { fakeClock } from './fake-clock.ts';
import { memoryStore } from './memory-store.ts';
import { settings } from './registry-values.ts';

/** What stands in for every private key; it may never be seen. */
export const canaryKey = '-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n';

export function secretMaterial(certificateChain = 'CHAIN'): SecretMaterial {
  return { certificateChain, privateKey: canaryKey, bundle: ['ROOT'] };
}

/** Policies by path below `policies/`. */
export type Texts = Readonly<Record<string, string>>;

/**
 * Policies and workloads → mesh → snapshots, by the real functions and without sockets, files or time. `secrets` may fail, as an
 * authority may.
 */
export function spineMesh(options: {
  readonly texts: Texts;
  readonly workloads: readonly Workload[];
  readonly secrets?: (proxy: Proxy) => Readable<SecretMaterial | undefined>;
}) {
  const clock = fakeClock();
  let cache: ParseCache | undefined;
  let commits = 0;
  const parse = (texts: Texts): PolicySet => {
    commits += 1;
    const files = Object.entries(texts).map(([path, text]) => ({ path: `policies/${path}`, text }));
    const parsed = parsePolicies(files, {
      commit: `c${commits}`,
      rootNamespace: settings.rootNamespace,
      folders: 'free',
      ...(cache ? { previous: cache } : {}),
    });
    cache = parsed.cache;
    if (!parsed.policies) throw new Error(parsed.diagnostics.map(({ message }) => message).join('\n'));
    return parsed.policies;
  };
  /** As the registry composes them: files before proxies, in the order of ids; what changed is handed over as a change. */
  const registryOf = (set: PolicySet, workloads: readonly Workload[], last?: RegistryState): RegistryState => {
    const all = new Map(workloads.map((workload) => [workload.id, workload]));
    for (const [id, workload] of workloadsOfEntries(set, settings)) all.set(id, workload);
    if (last === undefined) return { workloads: sortedMap(all), sources: [] };
    const changes = new Map<string, Workload | undefined>(all);
    for (const id of last.workloads.keys()) if (!all.has(id)) changes.set(id, undefined);
    return { workloads: withEntries(last.workloads, changes), sources: [] };
  };
  let joined = options.workloads;
  const policies = createCell<PolicySet | undefined>(parse(options.texts));
  const registry = createCell<RegistryState>(registryOf(policies.get() ?? parse({}), joined));
  const roots = createCell<{ readonly distrusted?: string }>({});
  const mesh = createMeshSource({
    settings,
    policies,
    registry,
    localPorts: createLocalPorts(memoryStore(), clock),
    roots,
    clock,
    quiet: 100,
    longest: 1_000,
    onFailure: (error) => {
      throw error;
    },
  });
  const failures: string[] = [];
  const material = createCell<SecretMaterial | undefined>(secretMaterial());
  const snapshots = createProxySnapshots({
    atOnce: Number.POSITIVE_INFINITY,
    mesh,
    secrets: options.secrets ?? (() => material),
    onFailure: (_error, what) => failures.push(what),
  });
  return {
    clock,
    mesh,
    snapshots,
    failures,
    parse,
    /** Serves other policies, and lets the quiet time pass. */
    serve(set: PolicySet) {
      policies.set(set);
      registry.set(registryOf(set, joined, registry.get()));
      clock.advance(100);
    },
    /** A compromised root is trusted by nobody any more. */
    distrust(distrusted: string) {
      roots.set({ distrusted });
      clock.advance(100);
    },
    /** Other workloads are there. */
    register(workloads: readonly Workload[]) {
      joined = workloads;
      const set = policies.get();
      if (set) registry.set(registryOf(set, joined, registry.get()));
      clock.advance(10);
    },
  };
}
