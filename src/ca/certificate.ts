import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Millis } from '../model/policy.ts';
import {
  childrenOf,
  contentOf,
  type Der,
  decodeDer,
  decodePem,
  encodeDer,
  encodePem,
  isContext,
  objectIdOf,
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
  readonly publicKey: KeyObject;
  /** DER of both AlgorithmIdentifiers: inside the signed part, and beside the signature. */
  readonly signatureAlgorithms: readonly [Buffer, Buffer];
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
  const [tbs, outerAlgorithm] = childrenOf(decodeDer(x509.raw));
  if (tbs === undefined || outerAlgorithm === undefined) throw new Error('not a certificate');
  const fields = [...childrenOf(tbs)];
  const version = isContext(fields[0], 0) ? versionOf(fields.shift()) : 1;
  const [serial, algorithm, issuer, validity, subject, publicKey, ...rest] = fields;
  const [notBefore, notAfter] = validity ? childrenOf(validity) : [];
  if (!serial || !algorithm || !issuer || !subject || !publicKey || !notBefore || !notAfter) {
    throw new Error('not a certificate: a field is missing');
  }
  const extensions = rest.find((field) => isContext(field, 3));
  return {
    der: x509.raw,
    pem: encodePem('CERTIFICATE', x509.raw),
    version,
    serial: contentOf(serial).toString('hex'),
    issuer: encodeDer(issuer),
    subject: encodeDer(subject),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    publicKey: createPublicKey({ key: encodeDer(publicKey), format: 'der', type: 'spki' }),
    signatureAlgorithms: [encodeDer(algorithm), encodeDer(outerAlgorithm)],
    extensions: extensions ? childrenOf(childrenOf(extensions)[0] ?? extensions).map(extensionOf) : [],
    fingerprint: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
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

function versionOf(value: Der | undefined): number {
  const [number] = value ? childrenOf(value) : [];
  return (number ? (contentOf(number)[0] ?? 0) : 0) + 1;
}
