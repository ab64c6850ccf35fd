import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { finish, type Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import { checkClientTls } from './references/client-tls.ts';
import { checkServiceEntryPorts } from './references/connection-rules.ts';
import { checkDestinationRules } from './references/destination-rules.ts';
import { checkHealthChecks } from './references/health-checks.ts';
import { createScope, type ReferenceScope, type SecretNames } from './references/reference-scope.ts';
import { checkSecurity } from './references/security.ts';
import { checkSidecars } from './references/sidecars.ts';
import { checkVirtualServices } from './references/virtual-services.ts';
import { checkSelections } from './references/workload-selection.ts';

/**
 * The checks between objects, and of objects against the registry (stages "references" and "conflicts" of section 8): by file and
 * position, not yet silenced. `services` are those that the registry builds from these policies. Without a registry `workloads` is
 * undefined: then a host that means no service is a warning, because a workload may yet bring it, and what needs workloads is not
 * checked; with `services` undefined, what needs services is not either.
 */
export function checkReferences(
  policies: readonly Policy[],
  services: readonly Service[] | undefined,
  workloads: Iterable<Workload> | undefined,
  settings: MeshSettings,
  secrets?: SecretNames,
): readonly Diagnostic[] {
  return finish(referenceSteps(policies, services, workloads, settings, secrets));
}

/** Each looks at everything of its kind. */
const checks: readonly ((scope: ReferenceScope) => void)[] = [
  checkVirtualServices,
  checkServiceEntryPorts,
  checkDestinationRules,
  checkClientTls,
  checkHealthChecks,
  checkSidecars,
  checkSelections,
  checkSecurity,
];

/** checkReferences in steps. */
export function* referenceSteps(
  policies: readonly Policy[],
  services: readonly Service[] | undefined,
  workloads: Iterable<Workload> | undefined,
  settings: MeshSettings,
  secrets?: SecretNames,
): Steps<readonly Diagnostic[]> {
  const scope = createScope(policies, services, workloads && [...workloads], settings, secrets);
  for (const check of checks) {
    yield;
    check(scope);
  }
  return scope.found.sort(byPosition);
}
