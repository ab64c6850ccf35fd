import type { ConnectionMatch, ConnectionRule, TlsMatch } from '../model/connection-rules.ts';
import type { ConnectionRoute, ConnectionTerms } from '../model/ir-connection.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { WeightedDestination } from '../model/ir-route.ts';
import type { HashKey } from '../model/load-balancer.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { connectionTerms } from '../model/rest-connections.ts';
import { connectionLayer, type Service, type ServicePort } from '../model/service.ts';
import { poolDecision } from './connection-pool.ts';
import { refTo } from './destination.ts';
import { routeTarget, type TargetContext } from './route-target.ts';
import { staticMismatch } from './static-match.ts';
import { blocksOf, hashOf, type RuleContext } from './target-rule.ts';

/**
 * Where connections to a port go, the bytes of which nobody reads: the rules of its layer (P19) that P10 leaves, then the whole service
 * for all the rest. Undefined where no rule is left, and on HTTP ports.
 */
export function resolveConnections(
  context: RuleContext,
  service: Service,
  port: ServicePort,
  whole: Destination,
  virtualService: VirtualServiceObject | undefined,
): readonly ConnectionRoute[] | undefined {
  const layer = connectionLayer(port.protocol);
  if (virtualService === undefined || layer === undefined) return undefined;
  const written = (rule: ConnectionRule, index: number, serverNames: readonly string[]): ConnectionRoute => {
    const field = `spec.${layer}[${index}]`;
    const destinations = weighted(context, virtualService, field, rule, refTo(service, port.number));
    const [first] = destinations;
    const hash = destinations.map(({ destination }) => hashOf(context, destination)).find(isAddress);
    return {
      name: `VirtualService/${virtualService.namespace}/${virtualService.name}[${layer}.${index}]`,
      by: provenance(virtualService, field),
      serverNames,
      destinations,
      terms: first === undefined ? connectionTerms(whole.pool) : termsOf(context, first.destination),
      ...(hash && { hash }),
    };
  };
  const mayMeet = (match: ConnectionMatch) => staticMismatch(match, context.scope, port.number, service) === undefined;
  if (layer === 'tcp') {
    const index = virtualService.spec.tcp.findIndex(({ match }) => match.length === 0 || match.some(mayMeet));
    const rule = virtualService.spec.tcp[index];
    return rule === undefined ? undefined : [written(rule, index, [])];
  }
  const led = byServerName(virtualService.spec.tls, mayMeet).map(({ rule, index, serverNames }) =>
    written(rule, index, serverNames),
  );
  return led.length === 0 ? undefined : [...led, defaultConnection(service, whole)];
}

/** P27: of a connection nothing is known but where it comes from. */
function isAddress(hash: Decided<HashKey> | undefined): boolean {
  return hash?.value.on === 'source-address';
}

/** P10: all of the service, for whatever no rule takes. */
function defaultConnection(service: Service, whole: Destination): ConnectionRoute {
  return {
    name: `default/${service.namespace}/${service.name}`,
    by: { default: 'P10' },
    serverNames: [],
    destinations: [{ destination: whole.ref, weight: byDefault(1, 'P15') }],
    terms: connectionTerms(whole.pool),
    ...(isAddress(whole.hash) && whole.hash && { hash: whole.hash }),
  };
}

/** The terms of connections to a destination, which is perhaps another service's. */
function termsOf(context: RuleContext, destination: DestinationRef): ConnectionTerms {
  return connectionTerms(poolDecision(blocksOf(context, destination).connectionPool, context.settings));
}

/** P11: of equal server names the first rule has it; a rule that has none left leads nowhere. */
function byServerName(rules: readonly ConnectionRule<TlsMatch>[], mayMeet: (match: ConnectionMatch) => boolean) {
  const taken = new Set<string>();
  return rules.flatMap((rule, index) => {
    const names = new Set(rule.match.filter(mayMeet).flatMap(({ sniHosts }) => sniHosts));
    const serverNames = [...names].filter((name) => !taken.has(name));
    for (const name of serverNames) taken.add(name);
    return serverNames.length === 0 ? [] : [{ rule, index, serverNames }];
  });
}

/** P15: one destination needs no weight; of several, those of weight 0 get nothing. */
function weighted(
  context: TargetContext,
  object: VirtualServiceObject,
  field: string,
  { route }: ConnectionRule,
  called: DestinationRef,
): readonly WeightedDestination[] {
  const all = route.map(({ destination, weight }, position) => ({
    destination: routeTarget(context, object, destination, called.port),
    weight: { value: weight ?? 0, by: provenance(object, `${field}.route[${position}].weight`) },
  }));
  const positive = all.length === 1 ? all : all.filter(({ weight }) => weight.value > 0);
  const [only, another] = positive;
  if (only === undefined) return [{ destination: called, weight: byDefault(1, 'P15') }];
  return another === undefined ? [{ destination: only.destination, weight: byDefault(1, 'P15') }] : positive;
}
