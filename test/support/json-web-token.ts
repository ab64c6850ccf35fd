import {
  constants,
  createHmac,
  createSign,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto';

/** A key of an issuer, as it publishes it, and with which it signs. */
export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: 'ES256' | 'RS256' | 'PS256' | 'EdDSA';
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function issuerKey(kid: string, algorithm: IssuerKey['algorithm'] = 'ES256'): IssuerKey {
  return { kid, algorithm, ...pairOf(algorithm) };
}

function pairOf(algorithm: IssuerKey['algorithm']) {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** The public half, as a member of a JSON Web Key Set. */
export function publicJwk({ kid, algorithm, publicKey }: IssuerKey): JsonWebKey {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm };
}

/** A JSON Web Key Set, as text. */
export function keySet(...keys: readonly IssuerKey[]): string {
  return JSON.stringify({ keys: keys.map(publicJwk) });
}

export type Claims = Readonly<Record<string, unknown>>;

/** Claims that end in ten minutes; `undefined` leaves one out. */
export function claimsOf(issuer: string, more: Claims = {}): Claims {
  return { iss: issuer, sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600, ...more };
}

/** A token that a key signed; `header` replaces what it says of itself. */
export function signedToken(key: IssuerKey, claims: Claims, header: Claims = {}): string {
  const head = { alg: key.algorithm, kid: key.kid, typ: 'JWT', ...header };
  const text = `${encoded(head)}.${encoded(claims)}`;
  return `${text}.${signature(key, text).toString('base64url')}`;
}

function signature({ algorithm, privateKey }: IssuerKey, text: string): Buffer {
  if (algorithm === 'EdDSA') return signBytes(undefined, Buffer.from(text), privateKey);
  const signer = createSign('sha256').update(text);
  if (algorithm === 'ES256') return signer.sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return signer.sign(
    algorithm === 'PS256'
      ? { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { key: privateKey },
  );
}

/** A token that a secret signed, which its header says by itself. */
export function sharedToken(secret: string | Buffer, claims: Claims, header: Claims = {}): string {
  const text = `${encoded({ alg: 'HS256', typ: 'JWT', ...header })}.${encoded(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** A token that nobody signed; `end` stands where its signature would. */
export function unsignedToken(claims: Claims, header: Claims = { alg: 'none', typ: 'JWT' }, end = ''): string {
  return `${encoded(header)}.${encoded(claims)}.${end}`;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
