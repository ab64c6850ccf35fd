import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import type { Unwatch } from '../model/readable.ts';
import type { Secret } from '../model/secret.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import { parseBearer, tokenText } from './token.ts';
import {
  createCommand,
  decodeStored,
  encodeStored,
  grantText,
  requireGrant,
  requireLine,
  requireUses,
  type StoredToken,
  type TokenGrant,
  type TokenRecord,
} from './token-record.ts';

export interface TokenRequest {
  readonly grant: TokenGrant;
  readonly createdBy: string;
  readonly label?: string;
  /** Milliseconds from now; absent: until it is revoked. */
  readonly ttl?: Millis;
  /** How often it can be joined with; absent: a reusable credential. */
  readonly uses?: number;
  /** The token that was spent for it. */
  readonly from?: string;
}

/** Why a credential is refused, in words for whoever holds it; `hint` is the command that mends it. */
export interface TokenRefusal {
  readonly code: 'WEFT0203';
  readonly reason: 'malformed' | 'unknown' | 'revoked' | 'expired' | 'spent';
  readonly message: string;
  readonly hint: string;
}

/** `spent`: the record of a token that has no use left, for who asks again after a lost answer. */
export type TokenCheck =
  | { readonly ok: TokenRecord }
  | { readonly refused: TokenRefusal; readonly spent?: TokenRecord };

/** The credentials of the mesh: in memory for reading, in the store for the next start. */
export interface TokenStore {
  /** Makes a credential; `text` is shown once and kept nowhere. Throws Failure WEFT0921 (impossible grant), WEFT0904 (not saved). */
  create(request: TokenRequest): Promise<{ readonly record: TokenRecord; readonly text: Secret<string> }>;
  /** Judges what came as `authorization: Bearer`, without that word. */
  check(bearer: string): TokenCheck;
  get(id: string): TokenRecord | undefined;
  /** How the credential that opened a stream stands now; undefined: it is still good. */
  standing(id: string): TokenRefusal | undefined;
  /** Why who joined with a token is out: it was revoked. That it is spent by now, or over, says nothing of them. */
  revocation(id: string): TokenRefusal | undefined;
  /**
   * Takes one use, at once in memory and for good once it resolves (T3). Undefined, or why there is none to take. Throws Failure WEFT0904
   * where that was not saved: the use is gone then, and nobody has joined with it.
   */
  spend(id: string): Promise<TokenRefusal | undefined>;
  /** Revokes at once, and for good once it resolves. Throws Failure WEFT0920 for an unknown id, WEFT0904 if it was not saved. */
  revoke(id: string): Promise<TokenRecord>;
  /** All records, oldest first; revoked ones too, so that "revoked" can be told from "unknown". */
  list(): readonly TokenRecord[];
  /** Calls `onChange` after a credential was made, revoked, or has expired. */
  watch(onChange: () => void): Unwatch;
  /** Stops watching the clock for expiries. */
  dispose(): void;
}

const folder = 'tokens';
/** Timers overflow after 24 days. */
const longestSleep: Millis = 24 * 3_600_000;
/** As long as a root lives. */
const longestTtl: Millis = 3_650 * 24 * 3_600_000;
const nobody = createHash('sha256').update('').digest();

/**
 * Opens the credentials below `tokens/`: one file each with the SHA-256 of its secret (T3). `fingerprint` is that of the CA root,
 * hex, and goes into every token; it is asked for when one is made. Throws Failure WEFT0904 for a damaged file.
 */
export async function openTokenStore(options: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly fingerprint: string | (() => string);
}): Promise<TokenStore> {
  const { store, clock, fingerprint } = options;
  const tokens = new Map<string, StoredToken>();
  const watchers = new Set<() => void>();
  let cancelTimer = (): void => undefined;

  for (const key of await store.list(`${folder}/`)) {
    const bytes = await store.read(key);
    const token = bytes && decodeStored(key, bytes);
    if (token) tokens.set(token.record.id, token);
  }

  /** A credential that was made for a token ends with it where that is revoked. */
  const revokedOf = (record: TokenRecord): TokenRefusal | undefined => {
    const origin = record.from === undefined ? undefined : tokens.get(record.from);
    return revocationOf(record) ?? (origin && revocationOf(origin.record));
  };
  const now = (record: TokenRecord): TokenRefusal | undefined => revokedOf(record) ?? endOf(record, clock.now());

  const notify = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const watchExpiry = (): void => {
    cancelTimer();
    const now = clock.now();
    const ends = [...tokens.values()].map(({ record }) => record.expiresAt ?? 0).filter((end) => end > now);
    if (ends.length === 0) return;
    const end = ends.reduce((earliest, one) => Math.min(earliest, one));
    cancelTimer = clock.after(Math.min(end - now, longestSleep), () => {
      watchExpiry();
      if (end <= clock.now()) notify();
    });
  };
  const keep = (token: StoredToken): void => {
    tokens.set(token.record.id, token);
    watchExpiry();
    notify();
  };
  watchExpiry();

  return {
    async create({ grant, createdBy, label, ttl, uses, from }) {
      requireGrant(grant, uses);
      requireLine('creator', createdBy);
      requireLine('label', label ?? '');
      if (uses !== undefined) requireUses(uses);
      if (ttl !== undefined) requireTtl(ttl);
      const id = newId((candidate) => tokens.has(candidate));
      const secret = randomBytes(32).toString('base64url');
      const createdAt = clock.now();
      const expiresAt = ttl === undefined ? undefined : createdAt + ttl;
      const pin = typeof fingerprint === 'string' ? fingerprint : fingerprint();
      const record: TokenRecord = {
        id,
        grant,
        createdAt,
        createdBy,
        ...(label !== undefined && { label }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(uses !== undefined && { uses: { total: uses, left: uses } }),
        ...(from !== undefined && { from }),
        pin,
      };
      const token: StoredToken = { record, secretHash: hashOf(secret).toString('hex') };
      await store.write(`${folder}/${id}`, encodeStored(token));
      keep(token);
      return { record, text: tokenText(`${id}.${secret}`, pin) };
    },

    check(bearer) {
      const parts = parseBearer(bearer);
      if (parts === undefined) return { refused: malformed(bearer) };
      const token = tokens.get(parts.id);
      const expected = token ? Buffer.from(token.secretHash, 'hex') : nobody;
      const same = timingSafeEqual(hashOf(parts.secret), expected);
      // Who knows only the id learns nothing of it, not even that it exists.
      if (token === undefined || !same) return { refused: unknown(parts.id) };
      const refusal = now(token.record);
      if (refusal === undefined) return { ok: token.record };
      return { refused: refusal, ...(refusal.reason === 'spent' && { spent: token.record }) };
    },

    get: (id) => tokens.get(id)?.record,

    standing(id) {
      const token = tokens.get(id);
      return token ? now(token.record) : unknown(id);
    },

    revocation(id) {
      const token = tokens.get(id);
      return token ? revokedOf(token.record) : unknown(id);
    },

    async spend(id) {
      const token = tokens.get(id);
      const refusal = token ? now(token.record) : unknown(id);
      if (token === undefined || refusal !== undefined) return refusal;
      const { uses } = token.record;
      if (uses === undefined) return undefined;
      // In memory before anything is waited for: of uses at the same time only so many find one left.
      const spent = { ...token, record: { ...token.record, uses: { ...uses, left: uses.left - 1 } } };
      tokens.set(id, spent);
      await store.write(`${folder}/${id}`, encodeStored(spent));
      return undefined;
    },

    async revoke(id) {
      const token = tokens.get(id);
      if (token === undefined) throw new Failure('WEFT0920', `there is no token "${id}"`, 'weft token list shows all');
      if (token.record.revokedAt !== undefined) {
        // Saved again: the first time may have failed.
        await store.write(`${folder}/${id}`, encodeStored(token));
        return token.record;
      }
      const revoked = { ...token, record: { ...token.record, revokedAt: clock.now() } };
      // In memory first: a full disk must not keep a stolen credential alive.
      keep(revoked);
      await store.write(`${folder}/${id}`, encodeStored(revoked));
      return revoked.record;
    },

    list: () =>
      [...tokens.values()]
        .map(({ record }) => record)
        .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)),

    watch(onChange) {
      const watcher = () => onChange();
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },

    dispose: () => cancelTimer(),
  };
}

function originOf(record: TokenRecord): string {
  return `token ${record.id} (${grantText(record.grant)}; made by ${record.createdBy} on ${instant(record.createdAt)})`;
}

function revocationOf(record: TokenRecord): TokenRefusal | undefined {
  if (record.revokedAt === undefined) return undefined;
  const message = `${originOf(record)} was revoked on ${instant(record.revokedAt)}`;
  return { code: 'WEFT0203', reason: 'revoked', message, hint: createCommand(record.grant) };
}

function endOf(record: TokenRecord, now: Millis): TokenRefusal | undefined {
  const hint = createCommand(record.grant);
  if (record.expiresAt !== undefined && record.expiresAt <= now) {
    const message = `${originOf(record)} expired on ${instant(record.expiresAt)}`;
    return { code: 'WEFT0203', reason: 'expired', message, hint };
  }
  if (record.uses?.left === 0) {
    const often = record.uses.total === 1 ? 'its one use is' : `all its ${record.uses.total} uses are`;
    return {
      code: 'WEFT0203',
      reason: 'spent',
      message: `${originOf(record)} has been joined with: ${often} spent`,
      hint,
    };
  }
  return undefined;
}

function unknown(id: string): TokenRefusal {
  const message = `token ${id} is not known here: it was made by another control plane or state dir, or copied wrongly`;
  return { code: 'WEFT0203', reason: 'unknown', message, hint: createCommand(undefined) };
}

/** Says nothing of what was sent: it may be a secret that landed in the wrong place. */
function malformed(bearer: string): TokenRefusal {
  const message =
    bearer === ''
      ? 'no token was sent'
      : 'what was sent is no token: a bearer is <id>.<secret>, the first two of the three parts of a token file';
  return { code: 'WEFT0203', reason: 'malformed', message, hint: createCommand(undefined) };
}

/** 12 letters and digits; without `-` and `_`, so that it never looks like an option of a command. */
function newId(isTaken: (id: string) => boolean): string {
  for (;;) {
    const id = randomBytes(9).toString('base64url').replaceAll('-', 'x').replaceAll('_', 'y');
    if (!isTaken(id)) return id;
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** `2026-01-01 09:30 UTC` */
function instant(at: Millis): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function requireTtl(ttl: Millis): void {
  if (ttl > 0 && ttl <= longestTtl) return;
  const why = ttl > longestTtl ? 'it would outlive every root (3650d)' : 'it would have expired already';
  throw new Failure('WEFT0921', `no token can be made: ${why}`, 'give it a --ttl like 1h, or none');
}
