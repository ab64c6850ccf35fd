import { createHash } from 'node:crypto';

/** A short name for bytes, equal on every machine: the first 96 bits of their SHA-256 in base64url (X32). */
export function contentHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, 16);
}
