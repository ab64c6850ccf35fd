import { type KeyObject, sign } from 'node:crypto';
import { type Certificate, readOwnCertificate, subjectKeyId } from './certificate.ts';
import type { CertificateTemplate } from './certificate-template.ts';
import {
  bitString,
  booleanTrue,
  encodeDer,
  encoded,
  objectId,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';
import { ipBytes } from './ip-bytes.ts';
import { keyUsageBits, nameTag, oid } from './object-ids.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import { keyIdOf, subjectKeyOf } from './subject-key.ts';

/** A key that signs, and the certificate that says whose it is. */
export interface Signer {
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

const tag = { sequence: 0x30, octetString: 0x04, extensions: 0xa3, context: 0x80 } as const;
const version3 = Buffer.of(0xa0, 3, 2, 1, 2);

/**
 * Writes the template as DER and signs it with the algorithm of the signer's key (ECDSA P-256 and SHA-256 for all of our own). `signer`
 * is a Signer, or the private key of the template's own public key for a self-signed root. Throws RangeError for a name that is not
 * ASCII or not an address.
 */
export function signCertificate(template: CertificateTemplate, signer: Signer | KeyObject): Certificate {
  const subject = nameOf(template.commonName);
  const ownKeyId = keyIdOf(template.publicKey);
  const parent = 'certificate' in signer ? signer.certificate : undefined;
  const parentKeyId = parent ? Buffer.from(subjectKeyId(parent) ?? '', 'hex') : ownKeyId;
  const key = 'certificate' in signer ? signer.key : signer;
  const { identifier, digest } = signatureAlgorithmOf(key);
  const signed = encoded(
    tag.sequence,
    version3,
    encodeDer(unsignedInteger(template.serial)),
    identifier,
    parent ? parent.subject : subject,
    encodeDer(sequence(time(template.notBefore), time(template.notAfter))),
    subject,
    subjectKeyOf(template.publicKey),
    encoded(tag.extensions, encoded(tag.sequence, ...extensionsOf(template, ownKeyId, parentKeyId))),
  );
  const signature = sign(digest, signed, { key, dsaEncoding: 'der' });
  return readOwnCertificate(encoded(tag.sequence, signed, identifier, encodeDer(bitString(signature))));
}

/** What SVIDs have for a subject. */
const noName = encodeDer(sequence());

function nameOf(commonName: string | undefined): Buffer {
  if (commonName === undefined) return noName;
  return encodeDer(sequence(setOf(sequence(objectId(oid.commonName), utf8String(commonName)))));
}

function extensionsOf(template: CertificateTemplate, ownKeyId: Buffer, parentKeyId: Buffer): Buffer[] {
  return [
    ...powersOf(template),
    extension(oid.subjectKeyIdentifier, false, encoded(tag.octetString, ownKeyId)),
    extension(oid.authorityKeyIdentifier, false, encoded(tag.sequence, encoded(tag.context, parentKeyId))),
    extension(oid.subjectAltName, template.commonName === undefined, encoded(tag.sequence, ...namesOf(template))),
  ];
}

const powers = new Map<string, readonly Buffer[]>();

/** What it may be used for: the same few bytes for all certificates of a kind. */
function powersOf({ pathLength, usages }: CertificateTemplate): readonly Buffer[] {
  const kind = `${pathLength} ${usages.join(' ')}`;
  const known = powers.get(kind);
  if (known) return known;
  const isAuthority = pathLength !== undefined;
  const constraints = isAuthority ? [booleanTrue(), unsignedInteger(Uint8Array.of(pathLength))] : [];
  const [usage, unused] = isAuthority ? [keyUsageBits.keyCertSignAndCrlSign, 1] : [keyUsageBits.digitalSignature, 7];
  const purposes = usages.map((side) => objectId(side === 'client' ? oid.clientAuth : oid.serverAuth));
  const written = [
    extension(oid.basicConstraints, true, encodeDer(sequence(...constraints))),
    extension(oid.keyUsage, true, encodeDer(bitString(Uint8Array.of(usage), unused))),
    ...(purposes.length > 0 ? [extension(oid.extendedKeyUsage, false, encodeDer(sequence(...purposes)))] : []),
  ];
  powers.set(kind, written);
  return written;
}

const beginnings = new Map<string, Buffer>();

/** What an extension is and whether it must be understood: the same bytes for all of its kind. */
function beginningOf(id: string, critical: boolean): Buffer {
  const kind = `${id} ${critical}`;
  const known = beginnings.get(kind);
  if (known) return known;
  const written = Buffer.concat([encodeDer(objectId(id)), ...(critical ? [encodeDer(booleanTrue())] : [])]);
  beginnings.set(kind, written);
  return written;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return encoded(tag.sequence, beginningOf(id, critical), encoded(tag.octetString, value));
}

function namesOf(template: CertificateTemplate): Buffer[] {
  return [
    ...template.uris.map((uri) => encoded(tag.context + nameTag.uri, ascii(uri))),
    ...template.dnsNames.map((name) => encoded(tag.context + nameTag.dns, ascii(name))),
    ...template.ipAddresses.map((address) => encoded(tag.context + nameTag.ip, addressBytes(address))),
  ];
}

function ascii(text: string): Buffer {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new RangeError(`not a name for a certificate: ${JSON.stringify(text)}`);
  return Buffer.from(text, 'latin1');
}

function addressBytes(text: string): Buffer {
  const bytes = ipBytes(text);
  if (bytes === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return bytes;
}
