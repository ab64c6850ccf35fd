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

/** The first and the last address of a range, and those next to it on both sides where there are such. */
export function rangeEnds(range: string): readonly string[] {
  const { base, family, length } = parsed(range);
  const bits = family === 'ipv6' ? 128 : 32;
  const size = 1n << BigInt(bits - length);
  const first = (numberOf(base, family) / size) * size;
  const all = [first, first + size - 1n, first - 1n, first + size];
  return all.filter((number) => number >= 0n && number < 1n << BigInt(bits)).map((number) => textOf(number, family));
}

function numberOf(address: string, family: 'ipv4' | 'ipv6'): bigint {
  if (family === 'ipv4') return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  // `::ffff:10.0.0.1` ends in the form of IPv4.
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

function textOf(number: bigint, family: 'ipv4' | 'ipv6'): string {
  const [parts, size] = family === 'ipv4' ? [4, 8n] : [8, 16n];
  const values = Array.from({ length: Number(parts) }, (_, index) => {
    return (number >> (BigInt(Number(parts) - 1 - index) * size)) & ((1n << size) - 1n);
  });
  return family === 'ipv4' ? values.join('.') : values.map((value) => value.toString(16)).join(':');
}
