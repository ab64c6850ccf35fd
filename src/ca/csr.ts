import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import { parseSpiffeId, type SpiffeId, spiffeId } from '../model/identity.ts';
import {
  childrenOf,
  contentOf,
  type Der,
  decodeDer,
  encodeDer,
  isContext,
  isObjectId,
  isType,
  slicesOf,
} from './der.ts';
import { nameTag, oid } from './object-ids.ts';
import { rememberSubjectKey } from './subject-key.ts';

/** A certificate signing request (PKCS#10, RFC 2986) that may be signed: who sent it has the private key. */
export interface CertificateRequest {
  /** EC P-256 or P-384, or RSA of 2048 to 4096 bits with e = 65537: the only thing of the request that a certificate takes over. */
  readonly publicKey: KeyObject;
  /** The one name that it asks for; absent: it asks for none, and is given the caller's. */
  readonly spiffeId?: SpiffeId;
}

/** No request with a key that is taken comes near it: RSA of 4096 bits with a name is 1.3 KiB. */
const longestCsr = 4_096;

/**
 * Reads a request (DER) strictly (T17): what a workload's certificate would not say is refused, never trimmed. It is canonical DER of
 * version 0; its subject is empty; it has no attributes, or extensions to ask for, and of these one alternative name, a SPIFFE ID; its
 * signature is by the key in it. Whether the SPIFFE ID is the caller's is asked by issue-for-csr.ts. Returns Failure WEFT0305.
 */
export function readCsr(der: Uint8Array): CertificateRequest | Failure {
  try {
    return read(der);
  } catch (error) {
    if (error instanceof Failure) return error;
    // The words of a decoder are about bytes that a stranger chose.
    return refused('it is not the DER of a PKCS#10 request');
  }
}

/** The refusal of a request, with what is wrong in it. */
export function refused(problem: string): Failure {
  return new Failure(
    'WEFT0305',
    `the certificate signing request is refused: ${problem}`,
    'send a request with an EC P-256 key, an empty subject and at most one alternative name, your own SPIFFE ID',
  );
}

function read(der: Uint8Array): CertificateRequest {
  if (der.length > longestCsr) throw refused(`it is longer than ${longestCsr} bytes`);
  const request = decodeDer(der);
  // Of what is canonical there is one encoding: then what was signed, what is read here and what others read are the same bytes.
  demand(encodeDer(request).equals(der), 'it is not canonical DER');
  const [info, algorithm, signature] = exactly(request, 3, 'it is not a PKCS#10 request');
  const [version, subject, keyInfo, attributes] = exactly(info, 4, 'it is not a PKCS#10 request');
  demand(isType(version, 'INTEGER') && contentOf(version).equals(Buffer.of(0)), 'it is not of version 0');
  demand(isType(subject, 'SEQUENCE') && childrenOf(subject).length === 0, 'it asks for a subject');
  demand(isContext(attributes, 0) && attributes.constructed, 'its attributes are missing');
  // The bytes of its parts stand in what came, since that is canonical.
  const signed = slicesOf(Buffer.from(der.buffer, der.byteOffset, der.byteLength))[0] ?? Buffer.of();
  const publicKey = publicKeyOf(keyInfo, Buffer.from(slicesOf(signed)[2] ?? []));
  const digest = digestOf(algorithm, publicKey);
  const bits = isType(signature, 'BITSTRING') ? contentOf(signature) : Buffer.of();
  demand(bits[0] === 0, 'its signature is not a whole number of bytes');
  const asked = nameAsked(attributes);
  demand(verify(digest, signed, { key: publicKey, dsaEncoding: 'der' }, bits.subarray(1)), 'its signature is wrong');
  return { publicKey, ...(asked !== undefined && { spiffeId: asked }) };
}

function publicKeyOf(value: Der, der: Buffer): KeyObject {
  const [algorithm, bits] = exactly(value, 2, 'it has no public key');
  const [kind, parameters] = exactly(algorithm, 2, 'its public key is of a kind that is not taken');
  const content = isType(bits, 'BITSTRING') ? contentOf(bits) : Buffer.of();
  demand(content[0] === 0, 'its public key is not a whole number of bytes');
  if (isObjectId(kind, oid.rsaEncryption)) {
    demand(isType(parameters, 'NULL'), 'its public key is of a kind that is not taken');
    return rsaKey(der);
  }
  const curve = [...curves].find(([id]) => isObjectId(parameters, id))?.[1];
  if (!isObjectId(kind, oid.ecPublicKey) || curve === undefined)
    throw refused('its key is neither EC P-256 or P-384 nor RSA');
  demand(content[1] === 4 && content.length === 2 + 2 * curve.size, 'its public key is not an uncompressed point');
  const coordinate = (index: number) => content.subarray(2 + index * curve.size, 2 + (index + 1) * curve.size);
  const [x, y] = [coordinate(0).toString('base64url'), coordinate(1).toString('base64url')];
  // As JWK it is read in half the time (performance.md section 3); a point beside the curve throws either way.
  const key = createPublicKey({ key: { kty: 'EC', crv: curve.name, x, y }, format: 'jwk' });
  rememberSubjectKey(key, der);
  return key;
}

function rsaKey(der: Buffer): KeyObject {
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  demand(key.asymmetricKeyType === 'rsa', 'its public key is of a kind that is not taken');
  demand(modulusLength >= 2_048 && modulusLength <= 4_096, `its RSA key has ${modulusLength} bits, not 2048 to 4096`);
  demand(publicExponent === 65_537n, 'the exponent of its RSA key is not 65537');
  // What Node writes of the key is canonical: an RSA key may hide a second encoding in its bits.
  demand(key.export({ type: 'spki', format: 'der' }).equals(der), 'its public key is not canonical DER');
  rememberSubjectKey(key, der);
  return key;
}

const curves: ReadonlyMap<string, { readonly name: 'P-256' | 'P-384'; readonly size: number }> = new Map([
  [oid.p256, { name: 'P-256', size: 32 }],
  [oid.p384, { name: 'P-384', size: 48 }],
]);

const digests = [
  { kind: 'ec', id: oid.ecdsaWithSha256, digest: 'sha256' },
  { kind: 'ec', id: oid.ecdsaWithSha384, digest: 'sha384' },
  { kind: 'ec', id: oid.ecdsaWithSha512, digest: 'sha512' },
  { kind: 'rsa', id: oid.rsaWithSha256, digest: 'sha256' },
  { kind: 'rsa', id: oid.rsaWithSha384, digest: 'sha384' },
  { kind: 'rsa', id: oid.rsaWithSha512, digest: 'sha512' },
] as const;

/** ECDSA has no parameters, not even NULL (RFC 5758 section 3.2); RSA has NULL (RFC 4055 section 5). */
function digestOf(algorithm: Der, key: KeyObject): string {
  const [id, parameters, ...rest] = isType(algorithm, 'SEQUENCE') ? childrenOf(algorithm) : [];
  const known = digests.find((each) => isObjectId(id, each.id) && each.kind === key.asymmetricKeyType);
  if (known === undefined) throw refused('its signature algorithm is not SHA-2 with its own kind of key');
  const fits = known.kind === 'ec' ? parameters === undefined : isType(parameters, 'NULL');
  demand(fits && rest.length === 0, 'its signature algorithm has wrong parameters');
  return known.digest;
}

/** The one name asked for. Everything else that can be asked for is refused here. */
function nameAsked(attributes: Der): SpiffeId | undefined {
  const [attribute, ...others] = childrenOf(attributes);
  if (attribute === undefined) return undefined;
  demand(others.length === 0, 'it has more than one attribute');
  const [kind, values] = exactly(attribute, 2, 'an attribute is broken');
  demand(isObjectId(kind, oid.extensionRequest), 'it has an attribute other than extensions to ask for');
  const [list, ...moreLists] = isType(values, 'SET') ? childrenOf(values) : [];
  if (list === undefined || moreLists.length > 0) throw refused('its attribute has not exactly one value');
  const [extension, ...more] = isType(list, 'SEQUENCE') ? childrenOf(list) : [];
  if (extension === undefined || more.length > 0) throw refused('it does not ask for exactly one extension');
  const parts = isType(extension, 'SEQUENCE') ? childrenOf(extension) : [];
  demand(isObjectId(parts[0], oid.subjectAltName), 'it asks for an extension other than an alternative name');
  const [critical] = parts.length === 3 ? parts.slice(1) : [];
  const isTrue = isType(critical, 'BOOLEAN') && contentOf(critical).equals(Buffer.of(0xff));
  demand(parts.length === 2 || (parts.length === 3 && isTrue), 'its extension is broken');
  const content = parts.at(-1);
  if (!isType(content, 'OCTETSTRING')) throw refused('its extension is broken');
  const names = decodeDer(contentOf(content));
  demand(encodeDer(names).equals(contentOf(content)) && isType(names, 'SEQUENCE'), 'its names are not canonical DER');
  const [name, ...further] = childrenOf(names);
  if (name === undefined || further.length > 0) throw refused('it does not ask for exactly one name');
  demand(isContext(name, nameTag.uri) && !name.constructed, 'it asks for a name that is not a URI');
  const identity = parseSpiffeId(contentOf(name).toString('latin1'));
  if (identity === undefined) throw refused('it asks for a name that is not the SPIFFE ID of a workload');
  return spiffeId(identity);
}

/** The children of a SEQUENCE that has just so many. */
function exactly(value: Der, count: 2, problem: string): readonly [Der, Der];
function exactly(value: Der, count: 3, problem: string): readonly [Der, Der, Der];
function exactly(value: Der, count: 4, problem: string): readonly [Der, Der, Der, Der];
function exactly(value: Der, count: number, problem: string): readonly Der[] {
  const children = isType(value, 'SEQUENCE') ? childrenOf(value) : [];
  demand(children.length === count, problem);
  return children;
}

function demand(holds: boolean, problem: string): asserts holds {
  if (!holds) throw refused(problem);
}
