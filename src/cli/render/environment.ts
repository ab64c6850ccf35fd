import type { PortItem } from '../../admin/mesh-values.ts';
import { compareText } from '../../model/compare-text.ts';
import type { DumpedResource } from './config-dump.ts';
import { at, field, textOf } from './dump-value.ts';

export interface EnvItem {
  /** `REVIEWS_URL` */
  readonly name: string;
  /** `http://127.0.0.1:21003` */
  readonly value: string;
  /** `reviews.shop.svc.cluster.local` */
  readonly host: string;
}

const shells = ['sh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/**
 * One variable for each service port that a proxy listens for on a local port (section 7 of experience.md). The plain name, `REVIEWS_URL`,
 * belongs to the first port of a service, and to the one in the caller's namespace where names meet; further ports
 * add theirs, services of another namespace that one: `REVIEWS_GRPC_URL`, `REVIEWS_OTHER_URL`.
 */
export function environment(
  ports: readonly PortItem[],
  listeners: readonly DumpedResource[],
  namespace: string,
): readonly EnvItem[] {
  const bound = new Map(
    listeners.map(({ resource }) => {
      const socket = at(field(resource, 'address'), 'socket_address');
      return [Number(textOf(field(socket, 'port_value'))), textOf(field(socket, 'address'))];
    }),
  );
  const own = (port: PortItem) => (port.namespace === namespace ? 0 : 1);
  const taken = new Set<string>();
  /** Whose the plain name is. */
  const owners = new Map<string, string>();
  return [...ports]
    .sort(
      (a, b) =>
        own(a) - own(b) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || a.port - b.port,
    )
    .flatMap((port) => {
      const address = bound.get(port.localPort);
      if (address === undefined) return [];
      const part = port.portName ?? String(port.port);
      const plain = variable([port.name]);
      if (!owners.has(plain)) owners.set(plain, port.host);
      const service = owners.get(plain) === port.host ? [port.name] : [port.name, port.namespace];
      const names = [service, [...service, part], [...service, port.namespace, part]];
      const name = names.map(variable).find((candidate) => !taken.has(candidate));
      if (name === undefined) return [];
      taken.add(name);
      return [{ name, value: `${scheme(port)}://${reachable(address)}:${port.localPort}`, host: port.host }];
    })
    .sort((a, b) => compareText(a.name, b.name));
}

/** The line with which a shell takes a variable over. Values hold no quote and no space: a scheme, an address and a port. */
export function shellLine(item: EnvItem, shell: Shell): string {
  switch (shell) {
    case 'sh':
      return `export ${item.name}=${item.value}`;
    case 'fish':
      return `set -gx ${item.name} ${item.value};`;
    case 'powershell':
      return `$env:${item.name} = '${item.value}'`;
    default:
      return shell satisfies never;
  }
}

function variable(parts: readonly string[]): string {
  const name = [...parts, 'url']
    .join('_')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function scheme(port: PortItem): string {
  switch (port.protocol) {
    case 'http':
    case 'http2':
    case 'grpc':
    case 'grpc-web':
      return 'http';
    default:
      return port.protocol === 'https' ? 'https' : 'tcp';
  }
}

/** An address that listens on everything is reached through loopback. */
export function reachable(address: string): string {
  if (address === '0.0.0.0' || address === '') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}
