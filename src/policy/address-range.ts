import { BlockList, isIP } from 'node:net';

/** Whether an address, or all of a range, lies within a range; both as policies write them (`10.1.2.3`, `10.0.0.0/8`). */
export function holdsAddress(range: string, address: string): boolean {
  const outer = parsed(range);
  const inner = parsed(address);
  if (outer.family !== inner.family || inner.length < outer.length) return false;
  const list = new BlockList();
  list.addSubnet(outer.base, outer.length, outer.family);
  return list.check(inner.base, inner.family);
}

function parsed(text: string) {
  const [base = '', length] = text.split('/');
  const family = isIP(base) === 6 ? ('ipv6' as const) : ('ipv4' as const);
  return { base, family, length: length === undefined ? (family === 'ipv6' ? 128 : 32) : Number(length) };
}
