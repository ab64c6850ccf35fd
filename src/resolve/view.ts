import { isDeepStrictEqual } from 'node:util';
import type { OutboundService, Scope, View } from '../model/ir.ts';
import type { EgressListener } from '../model/ir-egress.ts';
import { keepItems } from '../model/keep-items.ts';
import type { Mesh } from '../model/mesh.ts';
import type { PolicySet, SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Service, ServiceKey } from '../model/service.ts';
import { differingKeys } from '../model/sorted-map.ts';
import { finish, type Steps } from '../model/steps.ts';
import { plainHost } from '../policy/hosts.ts';
import { resolveCounters } from './counters.ts';
import { egressListeners } from './egress-listeners.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import { endpointFacts } from './endpoint-facts.ts';
import { importedServices } from './imports.ts';
import { keepEqualItems, type Lasts, noLasts, remembered, withAsked, withNext } from './keep.ts';
import { type MeshDefaults, meshDefaults } from './mesh-defaults.ts';
import { type OutboundContext, resolveService } from './outbound-service.ts';
import { touchedHosts } from './policy-change.ts';
import { indexSteps } from './policy-index.ts';
import { scopeKey } from './scope.ts';
import { isPlain, scopeDifference } from './scope-difference.ts';
import { indexServices } from './service-index.ts';
import { type ServiceNames, serviceNames } from './service-names.ts';
import { sidecarOf } from './sidecar-choice.ts';

interface Known {
  readonly scope: Scope;
  /** Scopes of which this holds are told apart by their namespaces alone. */
  readonly isPlain: boolean;
  /** What it imports. */
  readonly imported: readonly Service[];
  readonly names: ServiceNames;
  readonly policies: PolicySet;
  readonly services: readonly Service[];
  readonly facts: ReadonlyMap<ServiceKey, EndpointFacts>;
  readonly localPorts: Mesh['localPorts'];
  readonly view: View;
}

/** By scope, the newest last. */
const memory = new WeakMap<MeshDefaults, Map<string, Lasts<Known>>>();
const noFacts: EndpointFacts = { accepted: [] };

/**
 * The outbound half for one scope: the services it sees (P6) and its Sidecar imports (P8), by which names (P4), and where requests go. An
 * endpoint change gives the same View (===) unless the identities that callers accept changed, and so does a change of a service that
 * is not imported; any other change leaves untouched services the same objects. Scopes that are told apart by their namespaces alone begin
 * with what another of them has, and only what may differ is decided.
 */
export function resolveView(mesh: Mesh, scope: Scope): View {
  return finish(viewSteps(mesh, scope));
}

/** So many services are decided in one step. */
const servicesAStep = 10;

/** resolveView in steps. */
export function* viewSteps(mesh: Mesh, scope: Scope): Steps<View> {
  const { policies, services, localPorts } = mesh;
  const settings = meshDefaults(mesh);
  const facts = endpointFacts(mesh);
  const key = scopeKey(scope);
  const byScope = remembered(memory, settings, () => new Map<string, Lasts<Known>>());
  const lasts = byScope.get(key) ?? noLasts;
  const isOfMesh = (one: Known) =>
    one.services === services && one.facts === facts && one.localPorts === localPorts && one.policies === policies;
  const same = lasts.all.find(isOfMesh);
  if (same !== undefined) {
    // In its place: which scope is the newest stays.
    byScope.set(key, withAsked(lasts, same));
    return same.view;
  }
  const known = lasts.all.findLast((one) => one.services === services) ?? lasts.all.at(-1);
  yield;
  const index = yield* indexSteps(policies, settings);
  yield;
  const sidecar = sidecarOf(index, settings, scope);
  const imported = importedServices(services, settings, scope.namespace, sidecar);
  yield;
  const context = {
    mesh,
    settings,
    scope,
    policies: index,
    // What is not imported is no service for a route of these clients (WEFT0114).
    services: indexServices(sidecar?.spec.egress ? imported.services : services),
  };
  const names = serviceNames(imported.services, settings, scope.namespace);
  yield;
  const isAlone = sidecar !== undefined || !isPlain(scope);
  const others = isAlone ? [] : [...byScope.values()].flatMap(({ all }) => all);
  const start =
    startBefore(mesh, settings, known, facts, sidecar) ??
    startBeside(
      others.findLast((one) => one.isPlain && isOfMesh(one) && one.imported === imported.services),
      context,
      names,
    );
  const outbound: OutboundService[] = [];
  let decided = 0;
  for (const [index, service] of imported.services.entries()) {
    const before = start?.view.services[index];
    if (before?.service === service.key && start?.isTouched(service) === false) outbound.push(before);
    else {
      const own = facts.get(service.key) ?? noFacts;
      outbound.push(resolveService(context, service, names.get(service.key) ?? [], own));
      if (decided++ % servicesAStep === 0) yield;
    }
  }
  const listeners = sidecar ? egressListeners(sidecar, imported, outbound, settings, scope.namespace) : [];
  const view = sameView(known?.view, {
    key,
    services: outbound,
    ...(sidecar?.spec.egress && {
      imports: {
        value: sidecar.spec.egress.flatMap(({ hosts }) => hosts.map(({ text }) => text)),
        by: provenance(sidecar, 'spec.egress'),
      },
    }),
    ...(listeners.length > 0 && { listeners }),
    unknownHosts: unknownHosts(sidecar) ?? settings.unknownHosts,
    passing: settings.passing,
    terms: settings.terms,
  });
  const { services: list } = imported;
  const made = { scope, isPlain: !isAlone, imported: list, names, policies, services, facts, localPorts, view };
  // The newest is last.
  byScope.delete(key);
  byScope.set(key, withNext(lasts, known, made));
  return view;
}

/** A view with most of what another will be. */
interface Start {
  readonly view: View;
  /** Whether a service may be decided otherwise. */
  readonly isTouched: (service: Service) => boolean;
}

/** What the scope had before, where policies or facts of services have changed, and not all services with them. */
function startBefore(
  { policies, services, localPorts }: Mesh,
  settings: MeshDefaults,
  known: Known | undefined,
  facts: Known['facts'],
  sidecar: SidecarObject | undefined,
): Start | undefined {
  if (known === undefined || sidecar !== undefined || known.view.imports !== undefined) return undefined;
  if (known.services !== services || known.localPorts !== localPorts) return undefined;
  const isHost = known.policies === policies ? () => false : touchedHosts(known.policies, policies, settings);
  const moved = differingKeys(known.facts, facts);
  return isHost && { view: known.view, isTouched: ({ key, host }) => moved.has(key) || isHost(plainHost(host)) };
}

/** What another scope has now. */
function startBeside(other: Known | undefined, context: OutboundContext, names: ServiceNames): Start | undefined {
  if (other === undefined) return undefined;
  const differs = scopeDifference(context, context.scope.namespace, other.scope.namespace);
  const isTouched = (service: Service) =>
    names.own.has(service.key) || other.names.own.has(service.key) || differs(service);
  return { view: other.view, isTouched };
}

/** P7: a Sidecar without a policy for unknown hosts leaves them to MeshConfig. */
function unknownHosts(sidecar: SidecarObject | undefined): View['unknownHosts'] | undefined {
  const mode = sidecar?.spec.outboundTrafficPolicy;
  if (sidecar === undefined || mode === undefined) return undefined;
  return {
    value: mode === 'ALLOW_ANY' ? 'pass' : 'refuse',
    by: provenance(sidecar, 'spec.outboundTrafficPolicy.mode'),
  };
}

/** Services and ports keep their identity while they say the same, so comparing what is made of them costs little. */
function sameView(previous: View | undefined, next: View): View {
  const services = keepItems(previous?.services, next.services);
  if (previous?.services === services && isDeepStrictEqual(previous, next)) return previous;
  resolveCounters.views += 1;
  const listeners = next.listeners && keepEqualItems(previous?.listeners, next.listeners, placeOf);
  return { ...next, services, ...(listeners && { listeners }) };
}

function placeOf({ at }: EgressListener): string {
  return JSON.stringify(at.value);
}
