import { BlockList, isIP, SocketAddress } from 'node:net';

/** The one spelling of an IP address (`::ffff:10.0.0.1` is `10.0.0.1`); undefined for anything else. */
export function parseAddress(text: string): string | undefined {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) return undefined;
  const plain = new SocketAddress({ address: text, family: family === 4 ? 'ipv4' : 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1] ?? plain;
}

const never = blocks([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  // IPv4 inside IPv6 (NAT64), behind which any of the above could hide.
  '64:ff9b::/96',
]);
const loopback = blocks(['127.0.0.0/8', '::1/128']);

/** True for addresses at which no workload can be: unspecified, link-local (metadata services), multicast, broadcast (T2). */
export function isForbiddenAddress(address: string): boolean {
  return within(never, address);
}

/** True for 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  return within(loopback, address);
}

/** True if one of the CIDRs (`10.1.0.0/16`; a plain address counts as itself) contains the address. A bad CIDR contains nothing. */
export function inRanges(ranges: readonly string[], address: string): boolean {
  return within(blocks(ranges), address);
}

function within(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function blocks(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', length] = range.split('/');
    const family = isIP(network);
    if (family === 0) continue;
    const bits = length === undefined ? (family === 4 ? 32 : 128) : Number(length);
    if (!Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128)) continue;
    list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
