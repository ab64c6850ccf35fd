import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { SpiffeId } from '../model/identity.ts';
import {
  authorityKeyId,
  type Certificate,
  extensionOfCertificate,
  type SubjectAltNames,
  subjectAltNames,
  subjectKeyId,
} from './certificate.ts';
import { childrenOf, contentOf, decodeDer, encodeDer, objectIdOf, sequence } from './der.ts';
import { ipBytes } from './ip-bytes.ts';
import { keyUsageBits, oid } from './object-ids.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import { subjectKeyOf } from './subject-key.ts';

/** What a certificate is supposed to be. */
export type CertificateProfile =
  | { readonly kind: 'root' | 'issuer'; readonly trustDomain: string }
  /** `publicKey`: the key it was asked for; absent: any on P-256. */
  | { readonly kind: 'svid'; readonly spiffeId: SpiffeId; readonly publicKey?: KeyObject }
  | { readonly kind: 'server'; readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] };

const noName = encodeDer(sequence());

const knownExtensions: ReadonlySet<string> = new Set([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectKeyIdentifier,
  oid.authorityKeyIdentifier,
  oid.subjectAltName,
]);

/**
 * Everything in which a certificate differs from its profile, as sentences; empty if it is right (T17). It judges what was
 * read back from the bytes, never the template. `signer` is the certificate directly above (a root's is itself). This judges what
 * Weft itself issued or keeps; the chain of a peer is judged by TLS, never here (T18). `checksSignature`: false leaves the signature out,
 * which costs more than all the rest.
 */
export function validateCertificate(
  certificate: Certificate,
  profile: CertificateProfile,
  signer: Certificate,
  checksSignature = true,
): readonly string[] {
  const problems: string[] = [];
  const demand = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  demand(certificate.version === 3, 'it is not of version 3');
  demand(isMinimalPositive(certificate.serial), 'its serial is not positive and minimal, or longer than 20 bytes');
  demand(certificate.notBefore < certificate.notAfter, 'it ends before it begins');
  demand(certificate.notAfter <= signer.notAfter, 'it outlives its signer');
  const expectedKey = profile.kind === 'svid' ? profile.publicKey : undefined;
  if (expectedKey)
    demand(certificate.publicKeyInfo.equals(subjectKeyOf(expectedKey)), 'its key is not the one that was asked for');
  else demand(certificate.publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1', 'its key is not on P-256');
  const { identifier, digest } = signatureAlgorithmOf(signer.publicKey);
  demand(
    certificate.signatureAlgorithms.every((given) => given.equals(identifier)),
    "its signature algorithm is not its signer's",
  );
  demand(certificate.issuer.equals(signer.subject), 'it names another issuer');
  const { signed, signature } = certificate;
  const isGenuine =
    !checksSignature || verify(digest, signed, { key: signer.publicKey, dsaEncoding: 'der' }, signature);
  demand(isGenuine, 'its signature is not by its signer');
  const signerKeyId = subjectKeyId(signer);
  demand(signerKeyId !== undefined && authorityKeyId(certificate) === signerKeyId, "it names another signer's key");
  const ids = certificate.extensions.map((extension) => extension.id);
  demand(new Set(ids).size === ids.length, 'an extension appears twice');
  demand(
    ids.every((id) => knownExtensions.has(id)),
    'it has an extension that Weft does not use',
  );
  problems.push(...constraintProblems(certificate, profile), ...nameProblems(certificate, profile));
  return problems;
}

/** True if a certificate names `signer` as its issuer and bears a signature by its key. Whether it may sign is not asked here. */
export function isSignedBy(certificate: Certificate, signer: Certificate): boolean {
  return certificate.issuer.equals(signer.subject) && new X509Certificate(certificate.der).verify(signer.publicKey);
}

function constraintProblems(certificate: Certificate, profile: CertificateProfile): readonly string[] {
  const problems: string[] = [];
  const isAuthority = profile.kind === 'root' || profile.kind === 'issuer';
  const constraints = extensionOfCertificate(certificate, oid.basicConstraints);
  const expectedConstraints = isAuthority ? `ff,0${profile.kind === 'root' ? 1 : 0}` : '';
  const actual = constraints && childrenOf(decodeDer(constraints.value)).map((part) => contentOf(part).toString('hex'));
  if (!constraints?.critical || actual?.join(',') !== expectedConstraints) {
    problems.push(isAuthority ? 'it is not an authority of the right depth' : 'it does not say CA=false');
  }
  const usage = extensionOfCertificate(certificate, oid.keyUsage);
  const bits = isAuthority ? keyUsageBits.keyCertSignAndCrlSign : keyUsageBits.digitalSignature;
  const usageBytes = usage && contentOf(decodeDer(usage.value));
  if (!usage?.critical || usageBytes?.length !== 2 || usageBytes[1] !== bits) problems.push('its key usage is wrong');
  const purposes = extensionOfCertificate(certificate, oid.extendedKeyUsage);
  const given = purposes ? childrenOf(decodeDer(purposes.value)).map(objectIdOf) : [];
  if (given.sort().join() !== expectedPurposes(profile).join()) problems.push('its extended key usage is wrong');
  return problems;
}

function nameProblems(certificate: Certificate, profile: CertificateProfile): readonly string[] {
  const problems: string[] = [];
  const extension = extensionOfCertificate(certificate, oid.subjectAltName);
  const emptySubject = certificate.subject.equals(noName);
  if (extension?.critical !== emptySubject) problems.push('its names must be critical exactly if the subject is empty');
  if (!sameNames(subjectAltNames(certificate), expectedNames(profile))) {
    problems.push('its names are not exactly those asked for');
  }
  return problems;
}

function expectedPurposes(profile: CertificateProfile): readonly string[] {
  if (profile.kind === 'svid') return [oid.serverAuth, oid.clientAuth];
  return profile.kind === 'server' ? [oid.serverAuth] : [];
}

function expectedNames(profile: CertificateProfile): SubjectAltNames {
  const none = { uris: [], dnsNames: [], ipAddresses: [], others: 0 };
  switch (profile.kind) {
    case 'root':
    case 'issuer':
      return { ...none, uris: [`spiffe://${profile.trustDomain}`] };
    case 'svid':
      return { ...none, uris: [profile.spiffeId] };
    case 'server': {
      const ipAddresses = profile.ipAddresses.map((address) => ipBytes(address)?.toString('hex') ?? address);
      return { ...none, dnsNames: profile.dnsNames, ipAddresses };
    }
    default:
      return profile satisfies never;
  }
}

function sameNames(a: SubjectAltNames, b: SubjectAltNames): boolean {
  const same = (left: readonly string[], right: readonly string[]) =>
    left.length === right.length && left.every((name, index) => name === right[index]);
  return (
    same(a.uris, b.uris) && same(a.dnsNames, b.dnsNames) && same(a.ipAddresses, b.ipAddresses) && a.others === b.others
  );
}

function isMinimalPositive(hex: string): boolean {
  const bytes = Buffer.from(hex, 'hex');
  const [first = 0x80, second = 0x80] = bytes;
  if (bytes.length > 20 || first >= 0x80 || /^(00)*$/.test(hex)) return false;
  return first !== 0 || second >= 0x80;
}
