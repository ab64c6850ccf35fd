import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import type { StateStore } from '../model/state-store.ts';

/** What a sealed value begins with; behind it nonce (12 bytes), tag (16) and text. */
const mark = Buffer.from('WEFT-SEALED-1\n');
const [nonceSize, tagSize] = [12, 16];

/** Keys of a store whose values hold a private key of the CA. */
const isKeyFile = (key: string): boolean => /^ca\/(roots|issuers)\//.test(key);

/**
 * A store that seals the private keys of the CA with AES-256-GCM, the name as associated data (T19): a copy of the store without the
 * sealing key, which lies elsewhere, holds no key that signs, and a value that was moved to another name does not open. What was
 * written before sealing began is sealed now. Throws Failure WEFT0908 for a value that this key does not open.
 */
export async function openSealedStore(store: StateStore, sealingKey: Secret<Uint8Array>): Promise<StateStore> {
  const sealed: StateStore = {
    ...store,
    async read(key) {
      const value = await store.read(key);
      return value && isSealed(value) ? open(key, value, sealingKey) : value;
    },
    write: (key, value) => store.write(key, isKeyFile(key) ? seal(key, value, sealingKey) : value),
  };
  for (const key of await store.list('ca/')) {
    const value = isKeyFile(key) ? await store.read(key) : undefined;
    if (value && !isSealed(value)) await sealed.write(key, value);
  }
  return sealed;
}

/** True for what `openSealedStore` wrote. */
export function isSealed(value: Uint8Array): boolean {
  return mark.equals(value.subarray(0, mark.length));
}

function seal(key: string, value: Uint8Array, sealingKey: Secret<Uint8Array>): Uint8Array {
  const nonce = randomBytes(nonceSize);
  const cipher = createCipheriv('aes-256-gcm', sealingKey.expose(), nonce).setAAD(Buffer.from(key));
  const text = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([mark, nonce, cipher.getAuthTag(), text]);
}

function open(key: string, value: Uint8Array, sealingKey: Secret<Uint8Array>): Uint8Array {
  const bytes = Buffer.from(value).subarray(mark.length);
  const [nonce, tag] = [bytes.subarray(0, nonceSize), bytes.subarray(nonceSize, nonceSize + tagSize)];
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealingKey.expose(), nonce, { authTagLength: tagSize });
    decipher.setAAD(Buffer.from(key)).setAuthTag(tag);
    return Buffer.concat([decipher.update(bytes.subarray(nonceSize + tagSize)), decipher.final()]);
  } catch {
    throw new Failure(
      'WEFT0908',
      `"${key}" in the state dir does not open with the key in ca.sealKeyFile`,
      'name the key with which it was sealed, or restore state dir and key from one backup',
      key,
    );
  }
}
