import type { Certificate } from './certificate.ts';
import { type CertificateProfile, validateCertificate } from './validate-certificate.ts';

const signedBy = new WeakMap<Certificate, number>();

/**
 * The last look before a certificate is used. A difference is a bug of ours: it throws, and nothing leaves. What it says is read back each
 * time; its signature is checked at the first of each signer, whose key and certificate might not fit, and then at each sixteenth: a check
 * takes three times as long as the signature itself (performance.md section 3).
 */
export function checked(certificate: Certificate, profile: CertificateProfile, signer: Certificate): void {
  const count = signedBy.get(signer) ?? 0;
  signedBy.set(signer, count + 1);
  const problems = validateCertificate(certificate, profile, signer, count % 16 === 0);
  if (problems.length > 0) throw new Error(`signed a wrong certificate: ${problems.join('; ')}`);
}
