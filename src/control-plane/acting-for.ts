import type { Mesh } from '../model/mesh.ts';
import type { DestinationRuleObject, HealthCheckObject, Policy, VirtualServiceObject } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { isVisible } from '../policy/hosts.ts';
import { chooseDestinationRule } from '../resolve/destination-rule.ts';
import { chooseHealthChecks } from '../resolve/health-check.ts';
import { type MeshDefaults, meshDefaults } from '../resolve/mesh-defaults.ts';
import { indexPolicies, type PolicyIndex } from '../resolve/policy-index.ts';
import { chooseVirtualService } from '../resolve/virtual-service.ts';

/** Stands for a namespace that nobody names. */
const anyNamespace = '*';

/** For callers of which namespaces an object acts, and which others act for those of which. */
export interface ActingFor {
  readonly itself: readonly string[];
  readonly instead: ReadonlyMap<Policy, readonly string[]>;
}

/**
 * Who acts on a service that an object names, for callers that see both: of the object's namespace, the service's, those that it is exported
 * to, and `other namespaces` (P6, P9, P20, P21). Of an object that is about nobody's calls nothing is said.
 */
export function actingFor(mesh: Mesh, policy: Policy, service: Service): ActingFor | undefined {
  if (!isAboutCalls(policy)) return undefined;
  const settings = meshDefaults(mesh);
  const index = indexPolicies(mesh.policies, settings);
  const exportTo = policy.kind === 'HealthCheck' ? [] : policy.spec.exportTo;
  const named = exportTo.filter((entry) => entry !== '.' && entry !== anyNamespace);
  const clients = [...new Set([policy.namespace, service.namespace, ...named, anyNamespace])].filter(
    (client) => isVisible(service.exportTo, service.namespace, client) && isVisible(exportTo, policy.namespace, client),
  );
  const instead = new Map<Policy, readonly string[]>();
  const itself = clients.flatMap((client) => {
    const whom = client === anyNamespace ? 'other namespaces' : client;
    const chosen = chosenFor(index, settings, policy, service, client);
    if (chosen.includes(policy)) return [whom];
    for (const other of new Set(chosen)) instead.set(other, [...(instead.get(other) ?? []), whom]);
    return [];
  });
  return { itself, instead };
}

type AboutCalls = VirtualServiceObject | DestinationRuleObject | HealthCheckObject;

function isAboutCalls(policy: Policy): policy is AboutCalls {
  return ['VirtualService', 'DestinationRule', 'HealthCheck'].includes(policy.kind);
}

/** Who acts for a client that has the labels which the object asks for. */
function chosenFor(
  index: PolicyIndex,
  settings: MeshDefaults,
  policy: AboutCalls,
  service: Service,
  namespace: string,
): readonly Policy[] {
  switch (policy.kind) {
    case 'VirtualService': {
      const chosen = chooseVirtualService(index, service, namespace);
      return chosen === undefined ? [] : [chosen];
    }
    case 'DestinationRule': {
      const labels = policy.spec.workloadSelector ?? {};
      const { trafficPolicy, subsets } = chooseDestinationRule(index, settings, service, { namespace, labels });
      return [...(trafficPolicy ? [trafficPolicy] : []), ...subsets].map(({ object }) => object);
    }
    case 'HealthCheck':
      return chooseHealthChecks(index, settings, service, namespace);
    default:
      return policy satisfies never;
  }
}

/** Others act for every caller. */
export function isTakenOver(acting: ActingFor | undefined): boolean {
  return acting !== undefined && acting.itself.length === 0 && acting.instead.size > 0;
}
