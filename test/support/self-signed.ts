import forge from 'node-forge';

export interface SelfSigned {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for one DNS name that signs itself (RSA: node-forge has no ECDSA): its own root, good for an hour. */
export function selfSigned(dnsName: string): SelfSigned {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: `test root of ${dnsName}` }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: dnsName }] },
  ]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

/** A certificate of a client (PEM) that another has signed, and no authority itself. */
export function issued(commonName: string, issuer: SelfSigned): string {
  const root = forge.pki.certificateFromPem(issuer.certificate);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = root.publicKey;
  certificate.serialNumber = '02';
  certificate.validity.notBefore = root.validity.notBefore;
  certificate.validity.notAfter = root.validity.notAfter;
  certificate.setSubject([{ name: 'commonName', value: commonName }]);
  certificate.setIssuer(root.subject.attributes);
  certificate.sign(forge.pki.privateKeyFromPem(issuer.key), forge.md.sha256.create());
  return forge.pki.certificateToPem(certificate);
}
