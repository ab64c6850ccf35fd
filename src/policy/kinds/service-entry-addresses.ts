import { isIP } from 'node:net';
import type { LowerContext } from '../kind-definition.ts';

/** The one address of a range that holds no other: `10.0.0.1/32`. */
export function singleAddress(address: string): string {
  const [base = '', length] = address.split('/');
  return length === (isIP(base) === 6 ? '128' : '32') ? base : address;
}

/**
 * WEFT0132: ranges. A call comes by a local port, or with a host that is looked up among names; there nobody compares addresses, so a range
 * leads no call to the host, as it would where every connection of a program is caught.
 */
export function checkRanges(
  context: LowerContext,
  addresses: readonly string[],
  ownName: { readonly host: string } | undefined,
): void {
  const ranges = [...addresses.entries()].filter(([, address]) => singleAddress(address).includes('/'));
  const instead =
    ownName === undefined || ranges.length < addresses.length
      ? ''
      : `; connections go to what DNS says of ${ownName.host}`;
  const hint = 'write the addresses that are called; a range is read by destinationSubnets of VirtualServices alone';
  for (const [index, address] of ranges) {
    const message = `range ${address} leads no call here: a host is known by its names and by single addresses${instead}`;
    context.report('WEFT0132', `spec.addresses[${index}]`, message, hint);
  }
}
