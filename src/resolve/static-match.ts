import type { Scope } from '../model/ir.ts';
import type { Labels } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { holdsAddress } from '../policy/address-range.ts';
import type { Mismatch } from './mismatch.ts';

/** The conditions of a match that are known of a client and a port before any request (P10); rules about connections have ranges, too. */
export interface StaticPredicates {
  readonly port?: number;
  readonly sourceNamespace?: string;
  readonly sourceLabels: Labels;
  readonly destinationSubnets?: readonly string[];
}

/**
 * P10: the first condition that a client and a called port do not meet; undefined: all hold. A local port has no called address: a range
 * holds where one of the addresses that the service declares lies within it.
 */
export function staticMismatch(
  match: StaticPredicates,
  scope: Scope,
  port: number,
  service?: Pick<Service, 'addresses'>,
): Mismatch | undefined {
  const { sourceNamespace, sourceLabels, destinationSubnets = [] } = match;
  if (match.port !== undefined && match.port !== port)
    return { field: ['port'], wanted: `is ${match.port}`, got: `${port}` };
  if (sourceNamespace !== undefined && sourceNamespace !== scope.namespace)
    return { field: ['sourceNamespace'], wanted: `is ${JSON.stringify(sourceNamespace)}`, got: scope.namespace };
  for (const [name, value] of Object.entries(sourceLabels)) {
    const got = Object.hasOwn(scope.labels, name) ? scope.labels[name] : undefined;
    if (got !== value) return { field: ['sourceLabels', name], wanted: `is ${JSON.stringify(value)}`, got };
  }
  const addresses = service?.addresses ?? [];
  if (
    destinationSubnets.length > 0 &&
    !addresses.some((address) => destinationSubnets.some((range) => holdsAddress(range, address)))
  )
    return { field: ['destinationSubnets'], wanted: `holds an address of the service`, got: addresses.join(', ') };
  return undefined;
}
