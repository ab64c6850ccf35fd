import type { Scope, View } from '../model/ir.ts';
import { keepItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import { resolveCounters } from './counters.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { endpointFacts } from './endpoint-facts.ts';
import { remembered } from './keep.ts';
import { type MeshDefaults, meshDefaults } from './mesh-defaults.ts';
import { resolveService } from './outbound-service.ts';
import { indexPolicies } from './policy-index.ts';
import { scopeKey } from './scope.ts';
import { indexServices } from './service-index.ts';
import { serviceNames } from './service-names.ts';
import { visibleServices } from './visible-services.ts';

interface Known {
  readonly policies: PolicySet;
  readonly services: readonly Service[];
  readonly facts: ReadonlyMap<ServiceKey, EndpointFacts>;
  readonly localPorts: Mesh['localPorts'];
  readonly view: View;
}

const memory = new WeakMap<MeshDefaults, Map<string, Known>>();
const noFacts: EndpointFacts = { accepted: [] };

/**
 * The outbound half for one scope: the services it sees (P6), by which names (P4), and where requests go. An endpoint change gives the
 * same View (===) unless the identities that callers accept changed; any other change leaves untouched services the same objects.
 */
export function resolveView(mesh: Mesh, scope: Scope): View {
  const { policies, services, localPorts } = mesh;
  const settings = meshDefaults(mesh);
  const facts = endpointFacts(mesh);
  const key = scopeKey(scope);
  const byScope = remembered(memory, settings, () => new Map<string, Known>());
  const known = byScope.get(key);
  if (
    known?.policies === policies &&
    known.services === services &&
    known.facts === facts &&
    known.localPorts === localPorts
  ) {
    return known.view;
  }
  const context = {
    mesh,
    settings,
    scope,
    policies: indexPolicies(policies, settings),
    services: indexServices(services),
  };
  const names = serviceNames(services, settings, scope.namespace);
  const outbound = visibleServices(services, scope.namespace).map((service) =>
    resolveService(context, service, names.get(service.key) ?? [], facts.get(service.key) ?? noFacts),
  );
  const view = sameView(known?.view, {
    key,
    services: outbound,
    unknownHosts: settings.unknownHosts,
    passing: settings.passing,
    terms: settings.terms,
  });
  byScope.set(key, { policies, services, facts, localPorts, view });
  return view;
}

function sameView(previous: View | undefined, next: View): View {
  if (previous && keepItems(previous.services, next.services) === previous.services) return previous;
  resolveCounters.views += 1;
  return next;
}
