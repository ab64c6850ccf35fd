import type { ConnectionRule } from '../../model/connection-rules.ts';
import type { ServiceEntryObject, ServiceObject, VirtualServiceObject } from '../../model/policy.ts';
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
 * WEFT0140: ports that nobody can tell apart. A wildcard has no local port and, in plain TCP, no name is said; hosts that share an address
 * and a port are known by their names alone, of which TCP says none. A Service shares its address with nobody.
 */
export function checkSharedAddresses(scope: ReferenceScope): void {
  const owners = new Map<string, Owner[]>();
  for (const object of [...ofKind(scope, 'Service'), ...ofKind(scope, 'ServiceEntry')]) {
    object.spec.ports.forEach((port, index) => {
      const isTcp = layerOf(port.protocol) === 'tcp';
      if (isTcp && object.kind === 'ServiceEntry') checkWildcards(scope, object, port.port, index);
      for (const address of object.spec.addresses) {
        // Nobody is called by a range (WEFT0132).
        if (address.includes('/')) continue;
        const key = `${address} ${port.port}`;
        const others = owners.get(key) ?? [];
        owners.set(key, [...others, { object, isTcp }]);
        const owner = others.find(
          (other) =>
            other.object !== object &&
            (other.object.kind === 'Service' || object.kind === 'Service' || (isTcp && other.isTcp)) &&
            meetSomewhere(other.object, object),
        );
        if (owner) reportShared(scope, address, owner.object, object, index);
      }
    });
  }
}

interface Owner {
  readonly object: ServiceObject | ServiceEntryObject;
  readonly isTcp: boolean;
}

function reportShared(
  scope: ReferenceScope,
  address: string,
  owner: Owner['object'],
  object: Owner['object'],
  index: number,
): void {
  const [first, own] = [owner, object].map((one) =>
    one.kind === 'Service' ? one.name : (one.spec.hosts[0] ?? one.name),
  );
  const port = object.spec.ports[index];
  const layer = port && layerOf(port.protocol) === 'tcp' ? 'TCP port' : 'port';
  const message = `${layer} ${port?.port} at ${address} cannot be told apart: ${first} has it, too`;
  const hint = `one of them is called by address; call ${own} by name, or give it an address of its own`;
  const related = relatedTo(owner, addressField(owner), `addresses of ${first}`);
  reportAt(scope, 'WEFT0140', object, `spec.ports[${index}]`, message, hint, { severity: 'warning', related });
}

function addressField({ kind, positions }: Owner['object']): string {
  if (kind === 'ServiceEntry') return 'spec.addresses';
  return positions.has('spec.clusterIP') ? 'spec.clusterIP' : 'spec.clusterIPs';
}

/** Whether some client may see both (P6). */
function meetSomewhere(a: Owner['object'], b: Owner['object']): boolean {
  const named = [...a.spec.exportTo, ...b.spec.exportTo].filter((entry) => !['*', '.', '~'].includes(entry));
  return ['*', a.namespace, b.namespace, ...named].some((client) =>
    [a, b].every(({ spec, namespace }) => isVisible(spec.exportTo, namespace, client)),
  );
}

function checkWildcards(scope: ReferenceScope, object: ServiceEntryObject, port: number, index: number): void {
  const { hosts, addresses } = object.spec;
  const wildcard = hosts.find(isWildcardHost);
  if (wildcard === undefined || addresses.some((address) => !address.includes('/'))) return;
  const message = `TCP port ${port} of ${wildcard} without address cannot be told apart`;
  reportAt(scope, 'WEFT0140', object, `spec.ports[${index}]`, message, 'add addresses, or name the hosts');
}
