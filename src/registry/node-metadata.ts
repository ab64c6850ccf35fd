import { isLabel } from '../model/identity.ts';
import { isLabelKey, isLabelValue } from '../model/label-syntax.ts';
import { isLocality, localityForm } from '../model/locality.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Labels, Protocol } from '../model/policy.ts';
import { isProtocol, protocols } from '../model/protocol.ts';
import type { Capture, NodeMetadata, NodePort } from '../model/proxy.ts';
import { isLoopback, parseAddress } from './address.ts';
import { quoted, Refused } from './join-refusal.ts';

/**
 * Reads the object under `weft` in a node's metadata. Every key must be known, every value of its kind and within its limits; nothing
 * is coerced or dropped. Addresses come out in their one spelling. Throws Refused, which names the key.
 */
export function parseNodeMetadata(value: unknown): NodeMetadata {
  const at = 'node.metadata.weft';
  const fields = objectOf(value, at, [
    'service',
    'namespace',
    'labels',
    'ports',
    'address',
    'inboundBind',
    'applicationAddress',
    'capture',
    'locality',
    'run',
    'group',
    'identityFolder',
    'roots',
  ]);
  return {
    service: required(fields, 'service', at, labelName),
    namespace: required(fields, 'namespace', at, labelName),
    ...optional(fields, 'labels', at, labels),
    ...optional(fields, 'ports', at, ports),
    ...optional(fields, 'address', at, ipAddress),
    ...optional(fields, 'inboundBind', at, ipAddress),
    ...optional(fields, 'applicationAddress', at, loopbackAddress),
    ...optional(fields, 'capture', at, capture),
    ...optional(fields, 'locality', at, localityOf),
    ...optional(fields, 'run', at, labelName),
    ...optional(fields, 'group', at, labelName),
    ...optional(fields, 'identityFolder', at, absolutePath),
    ...optional(fields, 'roots', at, fingerprints),
  };
}

type Read<T> = (value: unknown, path: string) => T;

function required<T>(fields: Readonly<Record<string, unknown>>, key: string, at: string, read: Read<T>): T {
  if (fields[key] === undefined) {
    throw new Refused(`${at}.${key} is missing`, 'write the bootstrap with "weft bootstrap", or add the field');
  }
  return read(fields[key], `${at}.${key}`);
}

function optional<K extends string, T>(
  fields: Readonly<Record<string, unknown>>,
  key: K,
  at: string,
  read: Read<T>,
): { readonly [Key in K]?: T } {
  if (fields[key] === undefined) return {};
  return { [key]: read(fields[key], `${at}.${key}`) } as { readonly [Key in K]?: T };
}

function objectOf(value: unknown, path: string, keys?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object', value);
  for (const key of Object.keys(value)) {
    if (keys === undefined || keys.includes(key)) continue;
    const near = nearestName(key, keys);
    throw new Refused(
      `${path}: unknown field ${quoted(key)}`,
      near === undefined ? `fields: ${keys.join(', ')}` : `did you mean "${near}"?`,
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

function wrong(path: string, rule: string, value: unknown): Refused {
  return new Refused(`${path}: expected ${rule}, got ${quoted(value)}`, `correct ${path} in the bootstrap`);
}

function labelName(value: unknown, path: string): string {
  if (typeof value !== 'string' || !isLabel(value)) {
    throw wrong(path, 'a name of lower-case letters, digits and "-", at most 63', value);
  }
  return value;
}

function absolutePath(value: unknown, path: string): string {
  if (typeof value !== 'string' || !/^\/[^\p{Cc}]{1,1022}$/u.test(value)) throw wrong(path, 'an absolute path', value);
  return value;
}

const maxRoots = 8;

function fingerprints(value: unknown, path: string): readonly string[] {
  const isOne = (item: unknown): item is string => typeof item === 'string' && /^[0-9a-f]{64}$/.test(item);
  if (Array.isArray(value) && value.length <= maxRoots && value.every(isOne)) return value;
  throw wrong(path, `at most ${maxRoots} SHA-256 in lower-case hex`, value);
}

function ipAddress(value: unknown, path: string): string {
  const address = typeof value === 'string' ? parseAddress(value) : undefined;
  if (address === undefined) throw wrong(path, 'an IP address', value);
  return address;
}

/** A sidecar stands before its own application only, and is reached by it only: never by or from another machine. */
function loopbackAddress(value: unknown, path: string): string {
  const address = ipAddress(value, path);
  if (!isLoopback(address)) throw wrong(path, 'a loopback address', value);
  return address;
}

function portNumber(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw wrong(path, 'a port from 1 to 65535', value);
  }
  return value;
}

function flag(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false', value);
  return value;
}

const maxLabels = 64;
const maxPorts = 64;

function labels(value: unknown, path: string): Labels {
  const entries = Object.entries(objectOf(value, path));
  if (entries.length > maxLabels) throw wrong(path, `at most ${maxLabels} labels`, entries.length);
  for (const [key, text] of entries) {
    if (!isLabelKey(key)) throw wrong(path, 'label names as Kubernetes allows them', key);
    if (typeof text !== 'string' || !isLabelValue(text)) {
      throw wrong(`${path}[${quoted(key)}]`, 'a text of letters, digits, "-", "_" and ".", at most 63', text);
    }
  }
  return Object.fromEntries(entries) as Labels;
}

function ports(value: unknown, path: string): readonly NodePort[] {
  if (!Array.isArray(value)) throw wrong(path, 'a list', value);
  if (value.length > maxPorts) throw wrong(path, `at most ${maxPorts} ports`, value.length);
  const list = value.map((item, index) => nodePort(item, `${path}[${index}]`));
  for (const key of ['port', 'inbound', 'name'] as const) {
    const values = list.flatMap((item) => (item[key] === undefined ? [] : [item[key]]));
    const twice = values.find((item, index) => values.indexOf(item) !== index);
    if (twice !== undefined) throw new Refused(`${path}: ${key} ${quoted(twice)} appears twice`, 'keep one');
  }
  return list;
}

function nodePort(value: unknown, path: string): NodePort {
  const fields = objectOf(value, path, ['name', 'port', 'inbound', 'protocol']);
  return {
    ...optional(fields, 'name', path, labelName),
    port: required(fields, 'port', path, portNumber),
    inbound: required(fields, 'inbound', path, portNumber),
    ...optional(fields, 'protocol', path, protocol),
  };
}

function protocol(value: unknown, path: string): Protocol {
  if (typeof value !== 'string' || !isProtocol(value)) throw wrong(path, `one of ${protocols.join(', ')}`, value);
  return value;
}

function localityOf(value: unknown, path: string): string {
  if (typeof value === 'string' && isLocality(value)) return value;
  throw wrong(path, localityForm, value);
}

function capture(value: unknown, path: string): Capture {
  const fields = objectOf(value, path, ['bind', 'proxy', 'ports']);
  return {
    // Whoever reaches these listeners speaks in the workload's name (docs/decisions/46).
    ...optional(fields, 'bind', path, loopbackAddress),
    ...optional(fields, 'proxy', path, portNumber),
    ...optional(fields, 'ports', path, flag),
  };
}
