import { randomBytes } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import { isLabel, parseSpiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { HeldCertificate } from './svid.ts';

/** A proxy that joined with a token and keeps its own key: what its certificate is a credential for (T3). */
export interface JoinRecord {
  readonly id: string;
  /** The token that was spent; what it grants is what the proxy may claim. */
  readonly tokenId: string;
  /** `<name>.<namespace>`: the one proxy that the certificate speaks for. */
  readonly nodeId: string;
  /** Which of the token's services it is; absent in the records of former versions, whose tokens have one. */
  readonly service?: string;
  /** SHA-256 of the first public key, hex: who asks again with it has lost the answer, and is the same. */
  readonly keyHash: string;
  readonly joinedAt: Millis;
  /** Those that have not ended; the newest last. */
  readonly certificates: readonly JoinCertificate[];
}

export interface JoinCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  readonly notAfter: Millis;
  /** The rest that is told of it, so that a restart does not forget it; absent in the records of former versions. */
  readonly told?: Pick<HeldCertificate, 'spiffeId' | 'notBefore' | 'renewAt' | 'root'>;
}

/** A certificate as it was issued; without what is told of it, in tests. */
type Issued = Pick<JoinCertificate, 'serial' | 'notAfter'> & Partial<HeldCertificate>;

/** Who joined and keeps a key: in memory for reading, in the store for the next start. */
export interface JoinStore {
  /** Whose certificate has this serial; undefined for those that were not issued to a joined proxy. */
  bySerial(serial: string): JoinRecord | undefined;
  /** Who joined with this token as this proxy, each with another key. */
  of(join: Pick<JoinRecord, 'tokenId' | 'nodeId'>): readonly JoinRecord[];
  /** Resolves once it is saved. Throws Failure WEFT0904. */
  add(join: Pick<JoinRecord, 'tokenId' | 'nodeId' | 'service' | 'keyHash'>, certificate: Issued): Promise<JoinRecord>;
  /** A further certificate of the same proxy. Resolves once it is saved. Throws Failure WEFT0904. */
  renewed(id: string, certificate: Issued): Promise<void>;
  list(): readonly JoinRecord[];
}

const folder = 'joins';

/** Opens the joins below `joins/`, one file each; those whose certificates have all ended are removed. Throws Failure WEFT0904. */
export async function openJoinStore({
  store,
  clock,
}: {
  readonly store: StateStore;
  readonly clock: Clock;
}): Promise<JoinStore> {
  const joins = new Map<string, JoinRecord>();
  const bySerial = new Map<string, string>();

  const forget = (join: JoinRecord): void => {
    joins.delete(join.id);
    for (const { serial } of join.certificates) bySerial.delete(numberOf(serial));
  };
  const hold = (join: JoinRecord): void => {
    joins.set(join.id, join);
    for (const { serial } of join.certificates) bySerial.set(numberOf(serial), join.id);
  };
  /** Whoever let all of them end needs a new token. */
  const sweep = async (): Promise<void> => {
    const over = [...joins.values()].filter((join) => living(join, clock.now()).length === 0);
    for (const join of over) {
      forget(join);
      await store.delete(`${folder}/${join.id}`);
    }
  };

  for (const key of await store.list(`${folder}/`)) {
    const bytes = await store.read(key);
    if (bytes) hold(decodeJoin(key, bytes));
  }
  await sweep();

  const save = async (join: JoinRecord): Promise<void> => {
    hold(join);
    await store.write(`${folder}/${join.id}`, Buffer.from(`${JSON.stringify(join)}\n`));
  };
  const withCertificate = (join: JoinRecord, certificate: Issued): JoinRecord => {
    const left = living(join, clock.now());
    for (const ended of join.certificates) if (!left.includes(ended)) bySerial.delete(numberOf(ended.serial));
    return { ...join, certificates: [...left, kept(certificate)] };
  };

  return {
    bySerial(serial) {
      const id = bySerial.get(numberOf(serial));
      return id === undefined ? undefined : joins.get(id);
    },
    of: ({ tokenId, nodeId }) =>
      [...joins.values()].filter((join) => join.tokenId === tokenId && join.nodeId === nodeId),
    async add(joining, certificate) {
      await sweep();
      const id = randomBytes(9).toString('hex');
      const joinedAt = clock.now();
      const join = { id, ...joining, joinedAt, certificates: [kept(certificate)] };
      await save(join);
      return join;
    },
    async renewed(id, certificate) {
      const join = joins.get(id);
      if (join !== undefined) await save(withCertificate(join, certificate));
    },
    list: () => [...joins.values()],
  };
}

/**
 * By proxy: the newest certificate of each that was issued under the name that `trustDomain` has now, and has not ended. One with a former
 * name is left out: it is to be replaced.
 */
export function heldOf(
  joins: readonly JoinRecord[],
  trustDomain: string,
  now: Millis,
): ReadonlyMap<string, HeldCertificate> {
  const held = new Map<string, HeldCertificate>();
  for (const join of joins) {
    for (const { serial, notAfter, told } of living(join, now)) {
      if (told === undefined || parseSpiffeId(told.spiffeId)?.trustDomain !== trustDomain) continue;
      const known = held.get(join.nodeId);
      if (known === undefined || known.notBefore <= told.notBefore)
        held.set(join.nodeId, { serial, notAfter, ...told });
    }
  }
  return held;
}

function kept({ serial, notAfter, spiffeId, notBefore, renewAt, root }: Issued): JoinCertificate {
  if (spiffeId === undefined || notBefore === undefined || renewAt === undefined || root === undefined)
    return { serial, notAfter };
  return { serial, notAfter, told: { spiffeId, notBefore, renewAt, root } };
}

/** Serials are numbers: with zeros in front, as in their DER, or without, as TLS shows them. */
function numberOf(serial: string): string {
  return serial.toLowerCase().replace(/^0+/, '');
}

function living({ certificates }: JoinRecord, now: Millis): readonly JoinCertificate[] {
  return certificates.filter(({ notAfter }) => notAfter > now);
}

/** Throws Failure WEFT0904 for a damaged file: a credential is never guessed. */
function decodeJoin(key: string, bytes: Uint8Array): JoinRecord {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    value = undefined;
  }
  if (isJoin(value) && key === `${folder}/${value.id}`) return value;
  throw new Failure(
    'WEFT0904',
    `"${key}" in the state dir is damaged: it holds no record of a joined proxy`,
    'restore it from a backup, or delete it: then its proxy needs a new token',
    key,
  );
}

function isJoin(value: unknown): value is JoinRecord {
  if (!isObject(value)) return false;
  const { id, tokenId, nodeId, service, keyHash, joinedAt, certificates } = value;
  return (
    [id, tokenId, nodeId, keyHash].every((text) => typeof text === 'string') &&
    typeof nodeId === 'string' &&
    nodeId.split('.').every(isLabel) &&
    (service === undefined || (typeof service === 'string' && isLabel(service))) &&
    typeof joinedAt === 'number' &&
    Array.isArray(certificates) &&
    certificates.every(
      (each: unknown) =>
        isObject(each) &&
        typeof each.serial === 'string' &&
        /^[0-9a-f]+$/.test(each.serial) &&
        typeof each.notAfter === 'number' &&
        (each.told === undefined || isTold(each.told)),
    )
  );
}

function isTold(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { spiffeId, notBefore, renewAt, root } = value;
  return (
    [spiffeId, root].every((text) => typeof text === 'string') &&
    [notBefore, renewAt].every((time) => typeof time === 'number')
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
