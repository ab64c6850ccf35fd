import { generateKeyPairSync } from 'node:crypto';
import type { Certificate } from '../../src/ca/certificate.ts';
import { issuerTemplate, rootTemplate, svidTemplate } from '../../src/ca/certificate-template.ts';
import { type Signer, signCertificate } from '../../src/ca/sign-certificate.ts';
import { validateCertificate } from '../../src/ca/validate-certificate.ts';
import { spiffeId } from '../../src/model/identity.ts';

export const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
export const id = spiffeId(identity);
export const now = Date.UTC(2026, 5, 1);
export const hour = 3_600_000;

export function keys(serial = Buffer.alloc(16, 7)) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: pair.privateKey, input: { publicKey: pair.publicKey, serial, now } };
}
export const rootKeys = keys();
export const root: Signer = {
  key: rootKeys.key,
  certificate: signCertificate(rootTemplate(rootKeys.input, 'demo.mesh'), rootKeys.key),
};
export const issuerKeys = keys();
export const issuer: Signer = {
  key: issuerKeys.key,
  certificate: signCertificate(issuerTemplate(issuerKeys.input, 'demo.mesh', root.certificate), root),
};
export const leafTemplate = svidTemplate(keys().input, id, hour, issuer.certificate);
export const leaf = signCertificate(leafTemplate, issuer);
export const problemsOf = (certificate: Certificate, signer = issuer) =>
  validateCertificate(certificate, { kind: 'svid', spiffeId: id }, signer.certificate);
