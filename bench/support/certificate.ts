import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** A certificate for 127.0.0.1, signed by itself, as PEM. Benchmarks only: RSA, because node-forge signs nothing else. */
export function selfSignedCertificate(): { readonly certificateChain: string; readonly privateKey: string } {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = '01';
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: 'bench' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.sign(key, forge.md.sha256.create());
  return { certificateChain: forge.pki.certificateToPem(certificate), privateKey };
}
