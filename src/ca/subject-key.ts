import { createHash, type KeyObject } from 'node:crypto';
import { encodedContent, slicesOf } from './der.ts';

const known = new WeakMap<KeyObject, Buffer>();

/** The SubjectPublicKeyInfo (DER) of a public key. Node takes longer to write it than to check a signature: it is written once. */
export function subjectKeyOf(key: KeyObject): Buffer {
  const written = known.get(key) ?? key.export({ type: 'spki', format: 'der' });
  known.set(key, written);
  return written;
}

/** Tells the SubjectPublicKeyInfo that a key was read from; it must be what Node would write. */
export function rememberSubjectKey(key: KeyObject, der: Buffer): void {
  known.set(key, der);
}

/** RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 over the public key's bits. */
export function keyIdOf(key: KeyObject): Buffer {
  const [, bits] = slicesOf(subjectKeyOf(key));
  if (bits === undefined) throw new RangeError('not a public key');
  return createHash('sha256').update(encodedContent(bits).subarray(1)).digest().subarray(0, 20);
}
