import { resolve } from 'node:path';
import type { MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import type { RegistryKnowledge } from '../model/registry-knowledge.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { Workload } from '../model/workload.ts';
import { type GroupsOf, groupsOf } from '../model/workload-groups.ts';
import { bindMembers, groupedMembers } from '../registry/grouped-members.ts';
import { createJoinHealth, type JoinHealth } from '../registry/join-health.ts';
import { createJoinedProxies, type JoinedProxies } from '../registry/joined-proxies.ts';
import { createKnownServices } from '../registry/known-services.ts';
import { createLocalPorts, type LocalPorts, localPortRange } from '../registry/local-ports.ts';
import { createRegistry, type RegistryState } from '../registry/registry.ts';
import { entryWorkloads } from '../registry/workload-entries.ts';
import { createDebounce } from '../xds/debounce.ts';
import type { Foreseen } from './callers-of-last-hour.ts';
import { treeCheckSteps } from './check-tree.ts';
import { type Foresee, foreseeing } from './foresee.ts';
import { createGitRepository } from './git-repository.ts';
import { inSlices } from './in-slices.ts';
import { type NamedSecrets, type SecretProblem, secretNames, startNamedSecrets } from './named-secrets.ts';
import { type PolicySource, startPolicySource } from './policy-source.ts';
import { createRegistryKnowledge } from './registry-knowledge.ts';
import type { RunningParts } from './running-parts.ts';
import type { Settings } from './settings.ts';

/** What the mesh is made of: what the policies say and who runs where. */
export interface FactParts {
  readonly policies: PolicySource & { readonly knowledge: () => RegistryKnowledge };
  /** The policies that are served; undefined until a first good commit was found. */
  readonly served: Readable<PolicySet | undefined>;
  readonly registry: Readable<RegistryState>;
  /** Who has joined, as it claimed and as its credential allows. */
  readonly joined: JoinedProxies;
  /** The same as their WorkloadGroups and probes make them. */
  readonly members: Readable<ReadonlyMap<string, Workload>>;
  readonly health: JoinHealth;
  /** The WorkloadGroups that are served. */
  readonly groups: GroupsOf;
  readonly localPorts: LocalPorts;
  readonly secrets: NamedSecrets;
}

const noPolicies: PolicySet = { commit: '', objects: [] };
/** How long findings may lag behind the registry: nothing waits for them. */
const recheckQuiet = 1_000;

/** Loads what was known before a restart (F2), then follows the policy repository. Throws Failure WEFT0904. */
export async function startFacts(options: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly mesh: MeshSettings;
  readonly parts: RunningParts;
  readonly onFailure: (error: unknown, what: string) => void;
  /** Hosts of services that somebody may join as. */
  readonly expected: () => ReadonlySet<string>;
  readonly onSecretProblem: (problem: SecretProblem) => void;
  readonly foresee: Foresee;
  readonly letIn: () => Foreseen;
}): Promise<FactParts> {
  const { store, clock, mesh, parts, onFailure } = options;
  const { values, folder } = options.settings;
  const grace = { grace: values['registry.grace'], restoreGrace: values['registry.restoreGrace'] };
  const served = createCell<PolicySet | undefined>(undefined);
  const health = createJoinHealth(store, clock);
  parts.add(() => health.close());
  await health.restore();
  const damage = health.problem();
  if (damage !== undefined) onFailure(new Error(damage), 'what was known of health before the start');
  const groups: GroupsOf = (namespace) => groupsOf(served.get())(namespace);
  const joined = createJoinedProxies({ settings: mesh, clock, store, ...grace, groups, health });
  parts.add(() => joined.close());
  await joined.restore();
  parts.add(joined.workloads.watch((now) => health.prune((id) => now.has(id))));
  const known = createKnownServices({ store, clock, settings: mesh, joined: joined.workloads });
  parts.add(() => known.close());
  await known.restore();
  const forgotten = known.problem();
  if (forgotten !== undefined) onFailure(new Error(forgotten), 'what was known of services before the start');
  const localPorts = createLocalPorts(store, clock, localPortRange(values['localPorts.base']));
  parts.add(() => localPorts.flush());
  await localPorts.restore();

  const secrets = startNamedSecrets({
    directory: values['secrets.directory'] === '' ? undefined : resolve(folder, values['secrets.directory']),
    clock,
    poll: values['secrets.poll'],
    onProblem: options.onSecretProblem,
  });
  parts.add(() => secrets.stop());

  const secretsNow = () => (values['secrets.directory'] === '' ? 'unset' : secretNames(secrets.get()));
  // Before anything has ever joined, the registry says nothing: what needs it is not held against the policies.
  const joinedNow = (checked: PolicySet) =>
    known.away().isHistory ? bindMembers(joined.workloads.get(), checked, health.records.get()) : undefined;
  const steps = treeCheckSteps({
    settings: mesh,
    trustDomain: mesh.trustDomain,
    folders: values['policy.folders'],
    root: values['policy.path'],
    isolate: values['policy.isolate'],
    widening: values['policy.widening'],
    secrets: secretsNow,
    away: known.away,
    expected: options.expected,
    joined: joinedNow,
  });
  const source = await startPolicySource({
    repository: createGitRepository({
      location: resolve(folder, values['policy.repository']),
      path: values['policy.path'],
      workingTree: values['policy.workingTree'],
    }),
    check: foreseeing((...tree) => inSlices(steps(...tree)), served.get, options.foresee),
    store,
    pollMilliseconds: values['policy.poll'],
    isolates: values['policy.isolate'] === 'namespace',
  });
  const knowledge = createRegistryKnowledge(
    () => source.state.get().served,
    () => ({
      settings: mesh,
      joined: joinedNow,
      away: known.away(),
      expected: options.expected(),
      secrets: secretsNow(),
    }),
    options.letIn,
    values['policy.widening'],
  );
  const policies = { ...source, knowledge };
  parts.add(() => policies.stop());
  served.set(policies.state.get().served?.policies);
  parts.add(policies.state.watch((state) => served.set(state.served?.policies)));

  const entries = entryWorkloads(
    {
      get: () => served.get() ?? noPolicies,
      watch: (onChange) => served.watch((now) => onChange(now ?? noPolicies)),
    },
    mesh,
  );
  const members = groupedMembers({ joined: joined.workloads, policies: served, health: health.records });
  parts.add(() => members.close());
  const registry = createRegistry([
    { name: 'files', workloads: entries },
    { name: 'proxies', workloads: members },
  ]);
  parts.add(() => registry.close());
  const recheck = createDebounce(
    clock,
    recheckQuiet,
    10 * recheckQuiet,
    () => void policies.recheck(),
    (error) => onFailure(error, 'findings after a change of the registry'),
  );
  const unwatch = [registry.watch(() => recheck.signal()), secrets.watch(() => recheck.signal())];
  // What was accepted before a restart was read without the registry: what that says is found now, as it was before.
  recheck.signal();
  parts.add(() => recheck.stop(), ...unwatch);
  return { policies, served, registry, joined, members, health, groups, localPorts, secrets };
}
