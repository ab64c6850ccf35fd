import { type KeyObject, sign } from 'node:crypto';
import { type Certificate, readCertificate, subjectKeyId } from './certificate.ts';
import type { CertificateTemplate } from './certificate-template.ts';
import {
  bitString,
  booleanTrue,
  contextConstructed,
  contextPrimitive,
  type Der,
  decodeDer,
  encodeDer,
  objectId,
  octetString,
  sequence,
  setOf,
  time,
  unsignedInteger,
  utf8String,
} from './der.ts';
import { ipBytes } from './ip-bytes.ts';
import { keyUsageBits, nameTag, oid } from './object-ids.ts';
import { keyIdOf, subjectKeyOf } from './subject-key.ts';

/** A key that signs, and the certificate that says whose it is. */
export interface Signer {
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

/**
 * Writes the template as DER and signs it with ECDSA P-256 and SHA-256. `signer` is a Signer, or the private key of the template's
 * own public key for a self-signed root. Throws RangeError for a name that is not ASCII or not an address.
 */
export function signCertificate(template: CertificateTemplate, signer: Signer | KeyObject): Certificate {
  const subject = nameOf(template.commonName);
  const ownKeyId = keyIdOf(template.publicKey);
  const parent = 'certificate' in signer ? signer.certificate : undefined;
  const parentKeyId = parent ? Buffer.from(subjectKeyId(parent) ?? '', 'hex') : ownKeyId;
  const tbs = sequence(
    contextConstructed(0, unsignedInteger(Uint8Array.of(2))),
    unsignedInteger(template.serial),
    signatureAlgorithm(),
    parent ? decodeDer(parent.subject) : subject,
    sequence(time(template.notBefore), time(template.notAfter)),
    subject,
    decodeDer(subjectKeyOf(template.publicKey)),
    contextConstructed(3, sequence(...extensionsOf(template, ownKeyId, parentKeyId))),
  );
  const key = 'certificate' in signer ? signer.key : signer;
  const signature = sign('sha256', encodeDer(tbs), { key, dsaEncoding: 'der' });
  return readCertificate(encodeDer(sequence(tbs, signatureAlgorithm(), bitString(signature))));
}

/** ecdsa-with-SHA256. RFC 5758 section 3.2: no parameters, not even NULL. */
function signatureAlgorithm(): Der {
  return sequence(objectId(oid.ecdsaWithSha256));
}

function nameOf(commonName: string | undefined): Der {
  if (commonName === undefined) return sequence();
  return sequence(setOf(sequence(objectId(oid.commonName), utf8String(commonName))));
}

function extensionsOf(template: CertificateTemplate, ownKeyId: Buffer, parentKeyId: Buffer): Der[] {
  const { pathLength } = template;
  const isAuthority = pathLength !== undefined;
  const constraints = isAuthority ? [booleanTrue(), unsignedInteger(Uint8Array.of(pathLength))] : [];
  const [usage, unused] = isAuthority ? [keyUsageBits.keyCertSignAndCrlSign, 1] : [keyUsageBits.digitalSignature, 7];
  const purposes = template.usages.map((side) => objectId(side === 'client' ? oid.clientAuth : oid.serverAuth));
  return [
    extension(oid.basicConstraints, true, sequence(...constraints)),
    extension(oid.keyUsage, true, bitString(Uint8Array.of(usage), unused)),
    ...(purposes.length > 0 ? [extension(oid.extendedKeyUsage, false, sequence(...purposes))] : []),
    extension(oid.subjectKeyIdentifier, false, octetString(ownKeyId)),
    extension(oid.authorityKeyIdentifier, false, sequence(contextPrimitive(0, parentKeyId))),
    extension(oid.subjectAltName, template.commonName === undefined, sequence(...namesOf(template))),
  ];
}

function extension(id: string, critical: boolean, value: Der): Der {
  return sequence(objectId(id), ...(critical ? [booleanTrue()] : []), octetString(encodeDer(value)));
}

function namesOf(template: CertificateTemplate): Der[] {
  return [
    ...template.uris.map((uri) => contextPrimitive(nameTag.uri, ascii(uri))),
    ...template.dnsNames.map((name) => contextPrimitive(nameTag.dns, ascii(name))),
    ...template.ipAddresses.map((address) => contextPrimitive(nameTag.ip, addressBytes(address))),
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
