import { isDeepStrictEqual } from 'node:util';
import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import { keepItems } from '../model/keep-items.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { finish, type Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import { rivalsIn } from './references/acting-rules.ts';
import { checkAuthorizerImports } from './references/authorizer-imports.ts';
import { checkAuthorizers, checkProviders } from './references/authorizers.ts';
import {
  type CheckRow,
  each,
  eachAmongRivals,
  type ReferenceFacts,
  type RowMemory,
  together,
} from './references/check-rows.ts';
import { checkClientTls } from './references/client-tls.ts';
import { checkSharedAddresses } from './references/connection-rules.ts';
import { checkDestinationRule, checkOverlaps } from './references/destination-rules.ts';
import { checkHealthCheck } from './references/health-checks.ts';
import { checkKeyServers, checkVerifiers } from './references/jwks.ts';
import { checkExports, checkMatchedClients } from './references/known-namespaces.ts';
import { checkMeshLocalities, checkRuleLocalities } from './references/localities.ts';
import { checkPathRules } from './references/path-rules.ts';
import { checkEntryPorts, checkGroupPorts } from './references/port-names.ts';
import { type KnownBeside, type KnownSecrets, type ScopeTerms, scopeTerms } from './references/reference-scope.ts';
import { groupBy } from './references/scope-index.ts';
import { checkAuthorization, checkPeerScopes } from './references/security.ts';
import { checkSharedHosts } from './references/shared-hosts.ts';
import { checkSidecars } from './references/sidecars.ts';
import { checkTlsInTls } from './references/tls-in-tls.ts';
import { checkTokenConditions } from './references/token-conditions.ts';
import { checkCovered } from './references/uncovered.ts';
import { checkRivals, checkVirtualService } from './references/virtual-services.ts';
import { checkWorkloadGroup } from './references/workload-groups.ts';
import { checkOperationPorts, checkPeerPorts } from './references/workload-ports.ts';
import {
  checkHostTwins,
  checkNamedAddresses,
  checkSelector,
  checkService,
  checkSharedPorts,
} from './references/workload-selection.ts';

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
  secrets?: KnownSecrets,
): readonly Diagnostic[] {
  return finish(createReferenceCheck()(policies, services, workloads, settings, { secrets }));
}

/** All checks, each with the kinds that it may look at. */
const rows: readonly CheckRow[] = [
  together(checkRivals, 'VirtualService'),
  eachAmongRivals('VirtualService', rivalsIn, checkVirtualService, 'DestinationRule', 'Service', 'ServiceEntry'),
  each('VirtualService', checkMatchedClients),
  each('VirtualService', checkExports),
  each('DestinationRule', checkExports),
  each('ServiceEntry', checkExports),
  each('Service', checkExports),
  each('DestinationRule', checkRuleLocalities, 'ServiceEntry'),
  each('MeshConfig', checkMeshLocalities, 'ServiceEntry'),
  together(checkSharedAddresses, 'Service', 'ServiceEntry'),
  together(checkOverlaps, 'DestinationRule'),
  each('DestinationRule', checkDestinationRule, 'Service', 'ServiceEntry'),
  each('DestinationRule', checkClientTls, 'PeerAuthentication', 'Service', 'ServiceEntry'),
  each('DestinationRule', checkTlsInTls, 'VirtualService', 'RequestAuthentication', 'Service', 'ServiceEntry'),
  each('HealthCheck', checkHealthCheck),
  together(checkSidecars),
  together(checkHostTwins, 'Service', 'ServiceEntry'),
  together(checkSharedHosts, 'Service', 'ServiceEntry', 'Sidecar'),
  each('Service', checkService),
  together(checkNamedAddresses, 'Service', 'ServiceEntry', 'WorkloadEntry'),
  each('PeerAuthentication', checkSelector),
  each('AuthorizationPolicy', checkSelector),
  each('RequestAuthentication', checkSelector),
  each('ServiceEntry', checkSelector),
  each('DestinationRule', checkSelector),
  each('Sidecar', checkSelector),
  each('WorkloadGroup', checkWorkloadGroup),
  each('WorkloadGroup', checkGroupPorts, 'Service', 'ServiceEntry'),
  each('WorkloadEntry', checkEntryPorts, 'Service', 'ServiceEntry'),
  together(checkSharedPorts, 'Service', 'ServiceEntry'),
  together(checkPeerScopes, 'PeerAuthentication'),
  each('PeerAuthentication', checkPeerPorts, 'Service', 'ServiceEntry', 'Sidecar'),
  each('AuthorizationPolicy', checkOperationPorts, 'Service', 'ServiceEntry', 'Sidecar'),
  each('AuthorizationPolicy', checkAuthorization, 'PeerAuthentication', 'Service', 'ServiceEntry', 'MeshConfig'),
  each('MeshConfig', checkProviders),
  together(checkAuthorizers, 'AuthorizationPolicy', 'MeshConfig'),
  together(checkAuthorizerImports, 'AuthorizationPolicy', 'MeshConfig', 'Sidecar'),
  each('Service', checkCovered, 'AuthorizationPolicy'),
  each('AuthorizationPolicy', checkTokenConditions, 'RequestAuthentication'),
  each('AuthorizationPolicy', checkPathRules, 'MeshConfig'),
  each('RequestAuthentication', checkKeyServers, 'ServiceEntry', 'Service'),
  each('RequestAuthentication', checkVerifiers),
];

/** checkReferences in steps; a second call of one check costs what has changed since the first. */
export type ReferenceCheck = (
  policies: readonly Policy[],
  services: readonly Service[] | undefined,
  workloads: Iterable<Workload> | undefined,
  settings: MeshSettings,
  beside?: KnownBeside,
) => Steps<readonly Diagnostic[]>;

/** A check between objects that remembers what it has found. */
export function createReferenceCheck(): ReferenceCheck {
  let before: ReferenceFacts | undefined;
  let memories: readonly RowMemory[] = [];
  return function* (policies, services, workloads, settings, beside = {}) {
    const facts = factsOf(
      policies,
      services && declaredServices(services, before?.services),
      workloads,
      scopeTerms(policies, settings, beside),
      before,
    );
    const made: RowMemory[] = [];
    for (const [index, row] of rows.entries()) made.push(yield* row(facts, memories[index]));
    [before, memories] = [facts, made];
    return made.flatMap(({ found }) => [...found.values()].flat()).sort(byPosition);
  };
}

/** A host that only VirtualServices name is no service to anybody who refers to it (decision 44). */
function declaredServices(services: readonly Service[], before: readonly Service[] = []): readonly Service[] {
  const declared = services.filter(({ by }) => by?.object.kind !== 'VirtualService');
  return declared.length === services.length ? services : keepItems(before, declared);
}

function factsOf(
  policies: readonly Policy[],
  services: readonly Service[] | undefined,
  workloads: Iterable<Workload> | undefined,
  terms: ScopeTerms,
  before: ReferenceFacts | undefined,
): ReferenceFacts {
  const byKind = [...groupBy(policies, ({ kind }) => kind)];
  return {
    byKind: new Map(byKind.map(([kind, list]) => [kind, keepItems(before?.byKind.get(kind), list)])),
    services,
    workloads: workloads && keepItems(before?.workloads, [...workloads]),
    terms: before !== undefined && isDeepStrictEqual(before.terms, terms) ? before.terms : terms,
  };
}
