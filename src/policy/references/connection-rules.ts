import type { ConnectionRule } from '../../model/connection-rules.ts';
import type { ServiceEntryObject, VirtualServiceObject } from '../../model/policy.ts';
import { layerOf, type Service } from '../../model/service.ts';
import { holdsAddress } from '../address-range.ts';
import { isVisible, isWildcardHost } from '../hosts.ts';
import { ofKind, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { matchedBy, type RuleClient } from './rule-clients.ts';
import { checkDestination } from './rule-destination.ts';
import { calledPorts } from './rule-ports.ts';

/** What the rules of `tls[]` and `tcp[]` name: ports (P19), destinations, subsets, and addresses of the services they are about. */
export function checkConnectionRules(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  called: readonly Service[],
  clients: readonly RuleClient[],
): void {
  for (const layer of ['tls', 'tcp'] as const) {
    object.spec[layer].forEach((rule, index) => {
      const field = `spec.${layer}[${index}]`;
      const ports = calledPorts(scope, object, layer, rule.match, field, called);
      const callers = matchedBy(clients, rule.match);
      for (const [at, route] of rule.route.entries()) {
        checkDestination(scope, object, `${field}.route[${at}].destination`, route.destination, ports, callers);
      }
      checkSubnets(scope, object, rule, field, called);
    });
  }
}

/** Which address was called is known by what a service declares alone: a local port has no other. */
function checkSubnets(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rule: ConnectionRule,
  field: string,
  called: readonly Service[],
): void {
  if (called.length === 0) return;
  const host = object.spec.hosts.join(', ');
  const addresses = called.flatMap((service) => service.addresses);
  rule.match.forEach(({ destinationSubnets }, index) => {
    const at = `${field}.match[${index}].destinationSubnets`;
    if (destinationSubnets.length === 0) return;
    if (addresses.length === 0) {
      const message = `connections to ${host}, which has no address, cannot be told apart by destinationSubnets`;
      const hint = 'give it addresses, or remove the whole match; without destinationSubnets it takes every address';
      reportAt(scope, 'WEFT0140', object, at, message, hint);
    } else if (!addresses.some((address) => destinationSubnets.some((range) => holdsAddress(range, address)))) {
      const message = `match is never reached: no address of ${host} lies in ${destinationSubnets.join(', ')}`;
      reportAt(scope, 'WEFT0130', object, at, message, `addresses: ${addresses.join(', ')}`);
    }
  });
}

/**
 * WEFT0140: TCP ports of hosts that nobody can tell apart. A wildcard has no local port and, in plain TCP, no name is said; hosts that
 * share an address and a port are known by their names alone.
 */
export function checkServiceEntryPorts(scope: ReferenceScope): void {
  const owners = new Map<string, ServiceEntryObject>();
  for (const object of ofKind(scope, 'ServiceEntry')) {
    object.spec.ports.forEach((port, index) => {
      if (layerOf(port.protocol) !== 'tcp') return;
      checkWildcards(scope, object, port.port, index);
      for (const address of object.spec.addresses) {
        const key = `${address} ${port.port}`;
        const owner = owners.get(key);
        if (owner === undefined) owners.set(key, object);
        else if (meetSomewhere(owner, object)) {
          const [first, own] = [owner, object].map(({ spec, name }) => spec.hosts[0] ?? name);
          const message = `TCP port ${port.port} at ${address} cannot be told apart: ${first} has it, too`;
          const hint = `one of them is called by address; call ${own} by name, or give it an address of its own`;
          const related = relatedTo(owner, 'spec.addresses', `addresses of ${first}`);
          reportAt(scope, 'WEFT0140', object, `spec.ports[${index}]`, message, hint, { severity: 'warning', related });
        }
      }
    });
  }
}

/** Whether some client may see both (P6). */
function meetSomewhere(a: ServiceEntryObject, b: ServiceEntryObject): boolean {
  const named = [...a.spec.exportTo, ...b.spec.exportTo].filter((entry) => !['*', '.', '~'].includes(entry));
  return ['*', a.namespace, b.namespace, ...named].some((client) =>
    [a, b].every(({ spec, namespace }) => isVisible(spec.exportTo, namespace, client)),
  );
}

function checkWildcards(scope: ReferenceScope, object: ServiceEntryObject, port: number, index: number): void {
  const { hosts, addresses } = object.spec;
  const wildcard = hosts.find(isWildcardHost);
  if (wildcard === undefined || addresses.length > 0) return;
  const message = `TCP port ${port} of ${wildcard} without address cannot be told apart`;
  reportAt(scope, 'WEFT0140', object, `spec.ports[${index}]`, message, 'add addresses, or name the hosts');
}
