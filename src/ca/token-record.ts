import { BlockList, isIP } from 'node:net';
import { Failure } from '../model/failure.ts';
import { isLabel } from '../model/identity.ts';
import { isLabelKey, isLabelValue } from '../model/label-syntax.ts';
import type { Labels, Millis } from '../model/policy.ts';
import { mostUses } from '../model/token-uses.ts';

/** What a credential allows: to be a workload of one of some services and what it may register, or the operator's work. */
export type TokenGrant = WorkloadGrant | { readonly role: 'operator' };

export interface WorkloadGrant {
  readonly role: 'workload';
  readonly namespace: string;
  /** Whoever joins is one of them, for good; a credential that is not spent by joining has one. */
  readonly services: readonly [string, ...string[]];
  /** In the identity of a holder; absent: the name of its service. */
  readonly serviceAccount?: string;
  /** CIDR blocks that a registered address must lie in; empty: only the address the stream comes from (T2). */
  readonly addresses: readonly string[];
  /** Application ports that may be registered; empty: any. */
  readonly ports: readonly number[];
  /** Labels that Services may select a holder by, besides `app: <service>`; absent: none. */
  readonly labels?: Labels;
  /** The WorkloadGroup that a holder joins; absent: the one of the service's name, if it asks for it. */
  readonly group?: string;
}

/** A credential as it is listed and stored; the secret is no part of it. Times in milliseconds since 1970. */
export interface TokenRecord {
  readonly id: string;
  readonly grant: TokenGrant;
  readonly createdAt: Millis;
  readonly createdBy: string;
  readonly label?: string;
  readonly expiresAt?: Millis;
  readonly revokedAt?: Millis;
  /** How often it can be joined with, and how often that is left; absent: a credential that is sent with every call (a bare Envoy's). */
  readonly uses?: TokenUses;
  /** The token that was spent for this credential: revoked with it. */
  readonly from?: string;
  /** The root that its text pins, as `Token.fingerprint`; absent: made before that was kept. */
  readonly pin?: string;
}

export interface TokenUses {
  readonly total: number;
  readonly left: number;
}

/** A record with the SHA-256 of its secret (hex), as it stands in the store. */
export interface StoredToken {
  readonly record: TokenRecord;
  readonly secretHash: string;
}

/** `10.1.0.0/16`, `fd00::/8`, or an address, as a block; undefined for anything else. */
export function parseCidr(text: string): BlockList | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  if (family === 0 || address.includes('%') || rest.length > 0 || !/^\d{0,3}$/.test(prefix ?? '')) return undefined;
  const length = prefix === undefined ? bits : Number(prefix);
  if (prefix === '' || length > bits) return undefined;
  const block = new BlockList();
  block.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  return block;
}

/** The account of whoever joins as this service; of a credential, the one that it is for. */
export function accountOf({ serviceAccount, services }: WorkloadGrant, service: string = services[0]): string {
  return serviceAccount ?? service;
}

/** Throws Failure WEFT0921 for a grant that names no possible identity, block or port, or more than a credential without uses may. */
export function requireGrant(grant: TokenGrant, uses: number | undefined): void {
  if (grant.role === 'operator') return;
  const { namespace, services, serviceAccount, group } = grant;
  const names: readonly (readonly [what: string, name: string | undefined])[] = [
    ['namespace', namespace],
    ['service account', serviceAccount],
    ['group', group],
    ...services.map((service) => ['service', service] as const),
  ];
  for (const [what, name] of names) {
    if (name !== undefined && !isLabel(name))
      throw refused(`"${name}" cannot be a ${what}`, 'use 1 to 63 of a-z, 0-9 and -, no - at either end');
  }
  if (uses === undefined && services.length > 1)
    throw refused(
      `a credential that every call may carry is for one service, and ${services.join(', ')} are ${services.length}`,
      'make one for each; or leave --uses unlimited out: whoever joins with a token that is spent is one of its services',
    );
  for (const block of grant.addresses) {
    if (parseCidr(block) === undefined)
      throw refused(`"${block}" is not an address block`, 'write it like 10.1.0.0/16');
  }
  for (const port of grant.ports) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refused(`${port} is not a port`, 'use 1 to 65535');
  }
  for (const [key, value] of Object.entries(grant.labels ?? {})) {
    if (!isLabelKey(key) || !isLabelValue(value)) throw refused(`"${key}=${value}" is not a label`, 'as tier=backend');
  }
}

/** Throws Failure WEFT0921 for text that could not stand in a log line (T27): control characters, or more than 200 characters. */
export function requireLine(what: string, text: string): void {
  if (text.length > 200 || /\p{Cc}/u.test(text)) {
    throw refused(`the ${what} holds control characters or is longer than 200`, `use a short ${what} of one line`);
  }
}

/** `service payments in shop, service account payments`, or `the operator`. */
export function grantText(grant: TokenGrant): string {
  if (grant.role === 'operator') return 'the operator';
  const { services, namespace } = grant;
  const accounts = [...new Set(services.map((service) => accountOf(grant, service)))];
  return `${counted('service', services)} in ${namespace}, ${counted('service account', accounts)}`;
}

function counted(what: string, names: readonly string[]): string {
  return `${what}${names.length === 1 ? '' : 's'} ${names.join(', ')}`;
}

/** The command that makes another credential like this one. */
export function createCommand(grant: TokenGrant | undefined): string {
  if (grant === undefined) return 'weft token create --service NAME --namespace NAMESPACE';
  if (grant.role === 'operator') return 'start the server again: it leaves a new operator credential in the state dir';
  const { services, serviceAccount } = grant;
  const isOwn = serviceAccount === undefined || services.every((service) => service === serviceAccount);
  const account = isOwn ? '' : ` --service-account ${serviceAccount}`;
  const labels = Object.entries(grant.labels ?? {}).map(([key, value]) => ` --label ${key}=${value}`);
  const group = grant.group === undefined ? '' : ` --group ${grant.group}`;
  const named = services.map((service) => ` --service ${service}`).join('');
  return `weft token create${named} --namespace ${grant.namespace}${account}${group}${labels.join('')}`;
}

/** Throws Failure WEFT0921 for a number of uses that no token can have. */
export function requireUses(uses: number): void {
  if (Number.isInteger(uses) && uses >= 1 && uses <= mostUses) return;
  throw refused(`${uses} is not a number of uses`, `use 1 to ${mostUses}, or "unlimited" for a reusable credential`);
}

export function encodeStored(token: StoredToken): Uint8Array {
  return Buffer.from(`${JSON.stringify(token)}\n`);
}

/** Reads what encodeStored wrote. Throws Failure WEFT0904 for a damaged file: a credential is never guessed. */
export function decodeStored(key: string, bytes: Uint8Array): StoredToken {
  let value: unknown;
  try {
    value = withServices(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    value = undefined;
  }
  if (isStored(value) && key.endsWith(`/${value.record.id}`)) return value;
  throw new Failure(
    'WEFT0904',
    `"${key}" in the state dir is damaged: it holds no token record`,
    'restore it from a backup, or delete it: then its token is refused as unknown',
    key,
  );
}

/** Former versions wrote one service. */
function withServices(stored: unknown): unknown {
  if (!isObject(stored) || !isObject(stored.record) || !isObject(stored.record.grant)) return stored;
  const { service, ...grant } = stored.record.grant;
  if (service === undefined) return stored;
  return { ...stored, record: { ...stored.record, grant: { ...grant, services: [service] } } };
}

function isStored(value: unknown): value is StoredToken {
  if (!isObject(value) || !isObject(value.record)) return false;
  const { record, secretHash } = value;
  const times = [record.expiresAt ?? 0, record.revokedAt ?? 0, record.createdAt];
  return (
    typeof secretHash === 'string' &&
    /^[0-9a-f]{64}$/.test(secretHash) &&
    [record.id, record.createdBy, record.label ?? ''].every((text) => typeof text === 'string') &&
    times.every((time) => typeof time === 'number') &&
    (record.uses === undefined || areUses(record.uses)) &&
    [record.from, record.pin].every((text) => text === undefined || typeof text === 'string') &&
    isGrant(record.grant, record.uses !== undefined)
  );
}

function isGrant(value: unknown, isSpent: boolean): value is TokenGrant {
  if (!isObject(value)) return false;
  if (value.role === 'operator') return true;
  return (
    value.role === 'workload' &&
    isListOf(value.services, isName) &&
    (value.services.length === 1 || (value.services.length > 1 && isSpent)) &&
    isName(value.namespace) &&
    [value.serviceAccount, value.group].every((name) => name === undefined || isName(name)) &&
    isListOf(value.addresses, (block) => typeof block === 'string' && parseCidr(block) !== undefined) &&
    isListOf(value.ports, (port) => typeof port === 'number') &&
    (value.labels === undefined || areLabels(value.labels))
  );
}

function areUses(value: unknown): boolean {
  return isObject(value) && [value.total, value.left].every((count) => Number.isInteger(count) && Number(count) >= 0);
}

function areLabels(value: unknown): boolean {
  return isObject(value) && Object.entries(value).every(([key, text]) => isLabelKey(key) && typeof text === 'string');
}

function isListOf(value: unknown, holds: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(holds);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && isLabel(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(message: string, hint: string): Failure {
  return new Failure('WEFT0921', `no token can be made: ${message}`, hint);
}
