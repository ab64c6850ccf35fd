import { isIP } from 'node:net';
import type { Service } from '../model/service.ts';

/** P3: lower-case, without a last dot, and with the aliases of section 1.6 (`*.svc.cluster.local`, `<name>.<ns>.mesh`) replaced. */
export function canonicalHost(host: string, dnsSuffix: string): string {
  const plain = plainHost(host);
  const clusterLocal = '.svc.cluster.local';
  if (plain.endsWith(clusterLocal)) return `${plain.slice(0, -clusterLocal.length)}.svc.${dnsSuffix}`;
  const mesh = /^([^./]+)\.([^./]+)\.mesh$/.exec(plain);
  return mesh ? `${mesh[1]}.${mesh[2]}.svc.${dnsSuffix}` : plain;
}

/** P3 without the aliases: the form of a ServiceEntry host, which is taken as written. */
export function plainHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/**
 * P1 to P3: the full name of the host that an object of `namespace` writes. A host without a dot gets that namespace and
 * `.svc.<suffix>`; `*`, IP addresses, `ns/host` forms and names with a dot are not completed, only made canonical.
 */
export function resolveHost(host: string, namespace: string, dnsSuffix: string): string {
  const plain = plainHost(host);
  if (plain === '*' || plain.includes('/') || isIP(plain) !== 0) return plain;
  return plain.includes('.') ? canonicalHost(plain, dnsSuffix) : `${plain}.${namespace}.svc.${dnsSuffix}`;
}

/** The full name of a `v1/Service`: `<name>.<namespace>.svc.<suffix>`. */
export function serviceHost(name: string, namespace: string, dnsSuffix: string): string {
  return `${name}.${namespace}.svc.${dnsSuffix}`;
}

/** P5: true for `*` and `*.x`. */
export function isWildcardHost(host: string): boolean {
  return host.startsWith('*');
}

/** P5: whether `pattern` (a canonical name, `*.x` or `*`) covers `host` (a canonical name or itself a wildcard). */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === host || pattern === '*') return true;
  return isWildcardHost(pattern) && host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1;
}

/** P5 as an order: the more specific host first (exact before wildcard, longer before shorter, then by text). */
export function bySpecificity(a: string, b: string): number {
  return Number(isWildcardHost(a)) - Number(isWildcardHost(b)) || b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** P6: whether an object of `owner` with this exportTo (empty: `*`, D19) is visible to clients of `client`. */
export function isVisible(exportTo: readonly string[], owner: string, client: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((entry) => entry === '*' || (entry === '.' ? owner === client : entry === client));
}

/** The host of a service and the addresses that it stands for, as requests name them. */
export function hostsOf({ host, addresses }: Pick<Service, 'host' | 'addresses'>): readonly string[] {
  const single = addresses.filter((address) => isIP(address) !== 0);
  return [plainHost(host), ...single.map((address) => (isIP(address) === 6 ? `[${address.toLowerCase()}]` : address))];
}

/** Whether an authority (`host`, `host:port`) is of a service: under its host, at one of its ports if it names any. */
export function isAuthorityOf(service: Pick<Service, 'host' | 'addresses' | 'ports'>, authority: string): boolean {
  const [, host = authority, port] = /^(.*?)(?::(\d+))?$/s.exec(authority) ?? [];
  if (port !== undefined && !service.ports.some(({ number }) => number === Number(port))) return false;
  return hostsOf(service).some((own) => hostCovers(own, plainHost(host)));
}
