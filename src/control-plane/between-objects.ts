import type { Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import type { Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import type { AbsentServices, KnownSecrets } from '../policy/references/reference-scope.ts';
import { createReferenceCheck } from '../policy/references.ts';
import { keepMap } from '../registry/keep-identity.ts';
import type { AwayServices } from '../registry/known-services.ts';
import { type BuiltServices, serviceSteps } from '../registry/services.ts';
import { workloadsOfEntries } from '../registry/workload-entries.ts';

/** What the registry and the server know besides the policies, at one moment. */
export interface CheckedAgainst {
  readonly settings: MeshSettings;
  /** Who is connected as these policies make them; undefined: not known. */
  readonly joined: (policies: PolicySet) => ReadonlyMap<string, Workload> | undefined;
  /** What was there and is away. */
  readonly away?: AwayServices | undefined;
  /** Hosts of services that may come and never did. */
  readonly expected?: ReadonlySet<string> | undefined;
  readonly secrets?: KnownSecrets | undefined;
}

/** The findings between objects, and the services that they have. */
export interface BetweenObjects {
  readonly found: readonly Diagnostic[];
  readonly built: BuiltServices;
  /** Workloads count: the registry was known. */
  readonly isHistory: boolean;
}

/** Finds what is wrong between objects; a second call costs what has changed since the first. */
export function createBetweenObjects(): (policies: PolicySet, against: CheckedAgainst) => Steps<BetweenObjects> {
  const references = createReferenceCheck();
  let built: BuiltServices | undefined;
  let builtWithAway: BuiltServices | undefined;
  let entries: ReadonlyMap<string, Workload> | undefined;
  let workloads: ReadonlyMap<string, Workload> | undefined;
  let withAway: ReadonlyMap<string, Workload> | undefined;
  let absent: { readonly of: readonly unknown[]; readonly value: AbsentServices } | undefined;

  return function* (policies, { settings, joined, away, expected = nobody, secrets }) {
    const members = joined(policies);
    entries = workloadsOfEntries(policies, settings, entries);
    workloads = keepMap(workloads, new Map([...entries, ...(members ?? [])]));
    built = yield* serviceSteps(policies, workloads, settings, built);
    yield;
    let { services } = built;
    if (members !== undefined && away !== undefined) {
      if (away.workloads.size > 0) {
        // Checks see what a service would be if its workloads were here; who serves does not.
        withAway = keepMap(withAway, new Map([...workloads, ...away.workloads]));
        builtWithAway = yield* serviceSteps(policies, withAway, settings, builtWithAway);
        ({ services } = builtWithAway);
      }
      const of = [services, built.services, away, expected];
      if (absent === undefined || of.some((one, index) => one !== absent?.of[index])) {
        absent = { of, value: { away: onlyIn(services, built.services), ports: away.ports, expected } };
      }
    } else absent = undefined;
    const known = members === undefined ? undefined : workloads.values();
    const found = yield* references(policies.objects, services, known, settings, { secrets, absent: absent?.value });
    return { found, built, isHistory: members !== undefined };
  };
}

const nobody: ReadonlySet<string> = new Set();

/** The keys of services that only the first list has. */
function onlyIn(services: readonly Service[], others: readonly Service[]): ReadonlySet<ServiceKey> {
  if (services === others) return new Set();
  const keys = new Set(others.map(({ key }) => key));
  return new Set(services.flatMap(({ key }) => (keys.has(key) ? [] : [key])));
}
