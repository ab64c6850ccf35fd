import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Millis } from '../model/policy.ts';
import {
  childrenOf,
  contentOf,
  type Der,
  decodeDer,
  decodePem,
  encodedContent,
  encodePem,
  isContext,
  objectIdOf,
  slicesOf,
  timeOf,
} from './der.ts';
import { nameTag, oid } from './object-ids.ts';

/** An X.509 certificate as read from its DER: what it says, not whether that is right (see validate-certificate.ts). */
export interface Certificate {
  readonly der: Buffer;
  readonly pem: string;
  /** 1 to 3. */
  readonly version: number;
  /** The content bytes of the INTEGER, in lower-case hex. */
  readonly serial: string;
  /** DER of the names: they are compared byte by byte. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** The SubjectPublicKeyInfo (DER), and the key in it. */
  readonly publicKeyInfo: Buffer;
  readonly publicKey: KeyObject;
  /** DER of both AlgorithmIdentifiers: inside the signed part, and beside the signature. */
  readonly signatureAlgorithms: readonly [Buffer, Buffer];
  /** The DER that was signed, and the signature. */
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly extensions: readonly Extension[];
  /** Lower-case hex of SHA-256 over the DER. */
  readonly fingerprint: string;
}

export interface Extension {
  readonly id: string;
  readonly critical: boolean;
  /** The DER inside the OCTET STRING. */
  readonly value: Buffer;
}

/** Names of a SubjectAltName; IP addresses as hex; `others` counts names of any other kind. */
export interface SubjectAltNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly others: number;
}

/** Reads one certificate. Throws Error on bytes that are none, or that Node's OpenSSL reads differently. */
export function readCertificate(der: Uint8Array): Certificate {
  const x509 = new X509Certificate(der);
  const certificate = readOwnCertificate(x509.raw);
  // Read now, so that a key that is none is told here.
  if (certificate.publicKey.type !== 'public') throw new Error('not a certificate: no public key');
  return certificate;
}

/**
 * Reads a certificate that was written here a moment ago: from the same bytes, without asking OpenSSL, whose reading takes longer than
 * signing and checking together (performance.md section 3). Throws Error on bytes that are none.
 */
export function readOwnCertificate(der: Buffer): Certificate {
  const [tbs] = childrenOf(decodeDer(der));
  const [signed, outerAlgorithm, signature] = slicesOf(der);
  if (!tbs || !signed || !outerAlgorithm || !signature) throw new Error('not a certificate');
  const [fields, bytes] = [[...childrenOf(tbs)], [...slicesOf(signed)]];
  const version = isContext(fields[0], 0) ? versionOf(fields.shift()) : 1;
  if (fields.length < bytes.length) bytes.shift();
  const [serial, , , validity, , , ...rest] = fields;
  const [, algorithm, issuer, , subject, publicKeyInfo] = bytes;
  const [notBefore, notAfter] = validity ? childrenOf(validity) : [];
  if (!serial || !algorithm || !issuer || !subject || !publicKeyInfo || !notBefore || !notAfter) {
    throw new Error('not a certificate: a field is missing');
  }
  const extensions = rest.find((field) => isContext(field, 3));
  let [key, pem]: [KeyObject?, string?] = [];
  return {
    der,
    get pem() {
      pem ??= encodePem('CERTIFICATE', der);
      return pem;
    },
    version,
    serial: contentOf(serial).toString('hex'),
    issuer,
    subject,
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    publicKeyInfo,
    get publicKey() {
      key ??= createPublicKey({ key: publicKeyInfo, format: 'der', type: 'spki' });
      return key;
    },
    signatureAlgorithms: [algorithm, outerAlgorithm],
    signed,
    signature: signatureBits(signature),
    extensions: extensions ? childrenOf(childrenOf(extensions)[0] ?? extensions).map(extensionOf) : [],
    fingerprint: createHash('sha256').update(der).digest('hex'),
  };
}

/** The certificates of a PEM text, in order; other blocks are passed over. Throws Error if one cannot be read. */
export function readCertificates(pem: string): readonly Certificate[] {
  return decodePem(pem)
    .filter((block) => block.label === 'CERTIFICATE')
    .map((block) => readCertificate(block.der));
}

export function extensionOfCertificate(certificate: Certificate, id: string): Extension | undefined {
  return certificate.extensions.find((extension) => extension.id === id);
}

/** The names that a certificate is good for. */
export function subjectAltNames(certificate: Certificate): SubjectAltNames {
  const extension = extensionOfCertificate(certificate, oid.subjectAltName);
  const names = extension ? childrenOf(decodeDer(extension.value)) : [];
  const ofTag = (tag: number) => names.filter((name) => isContext(name, tag) && !name.constructed).map(contentOf);
  const uris = ofTag(nameTag.uri).map((bytes) => bytes.toString('latin1'));
  const dnsNames = ofTag(nameTag.dns).map((bytes) => bytes.toString('latin1'));
  const ipAddresses = ofTag(nameTag.ip).map((bytes) => bytes.toString('hex'));
  return { uris, dnsNames, ipAddresses, others: names.length - uris.length - dnsNames.length - ipAddresses.length };
}

/** The subject key identifier in hex; undefined if it has none. */
export function subjectKeyId(certificate: Certificate): string | undefined {
  const extension = extensionOfCertificate(certificate, oid.subjectKeyIdentifier);
  return extension && contentOf(decodeDer(extension.value)).toString('hex');
}

/** The key identifier of the signer in hex; undefined if it names none. */
export function authorityKeyId(certificate: Certificate): string | undefined {
  const extension = extensionOfCertificate(certificate, oid.authorityKeyIdentifier);
  const id = extension && childrenOf(decodeDer(extension.value)).find((part) => isContext(part, 0));
  return id && contentOf(id).toString('hex');
}

function extensionOf(value: Der): Extension {
  const parts = childrenOf(value);
  const [id] = parts;
  const content = parts.at(-1);
  if (!id || !content || parts.length > 3) throw new Error('not a certificate: a broken extension');
  return { id: objectIdOf(id), critical: parts.length === 3, value: contentOf(content) };
}

/** The bytes of a BIT STRING behind the one that counts unused bits: a signature has none. */
function signatureBits(bitString: Buffer): Buffer {
  const bits = encodedContent(bitString);
  if (bits[0] !== 0) throw new Error('not a certificate: a broken signature');
  return bits.subarray(1);
}

function versionOf(value: Der | undefined): number {
  const [number] = value ? childrenOf(value) : [];
  return (number ? (contentOf(number)[0] ?? 0) : 0) + 1;
}
