import type { KeyObject } from 'node:crypto';
import { encodeDer, nothing, objectId, sequence } from './der.ts';
import { oid } from './object-ids.ts';

/** How a key signs certificates: its AlgorithmIdentifier (DER), and the digest for node:crypto. */
export interface SignatureAlgorithm {
  readonly identifier: Buffer;
  readonly digest: 'sha256' | 'sha384';
}

/** ecdsa-with-SHA256. RFC 5758 section 3.2: no parameters, not even NULL. */
const ecdsaP256: SignatureAlgorithm = {
  identifier: encodeDer(sequence(objectId(oid.ecdsaWithSha256))),
  digest: 'sha256',
};
const ecdsaP384: SignatureAlgorithm = {
  identifier: encodeDer(sequence(objectId(oid.ecdsaWithSha384))),
  digest: 'sha384',
};
/** RFC 4055 section 5: with NULL. */
const rsa: SignatureAlgorithm = {
  identifier: encodeDer(sequence(objectId(oid.rsaWithSha256), nothing())),
  digest: 'sha256',
};

/** Our own keys are all EC P-256; P-384 and RSA are keys of authorities from outside. Throws RangeError for any other. */
export function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return rsa;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return ecdsaP256;
  if (curve === 'secp384r1') return ecdsaP384;
  throw new RangeError(`not a key that signs certificates: ${key.asymmetricKeyType} ${curve ?? ''}`);
}
