import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { issuerTemplate, rootTemplate, serverTemplate, svidTemplate } from '../../src/ca/certificate-template.ts';
import { type Signer, signCertificate } from '../../src/ca/sign-certificate.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Certificates } from './protocol.ts';

const trustDomain = 'bench.example';
const life = 3_600_000;

/** Certificates as a mesh has them: P-256, a root, an issuer below it, a server and a workload. */
export function createCertificates(): Certificates {
  const rootKeys = keyPair();
  const root = signCertificate(rootTemplate(input(rootKeys.publicKey), trustDomain), rootKeys.privateKey);
  const issuerKeys = keyPair();
  const issuer: Signer = {
    key: issuerKeys.privateKey,
    certificate: signCertificate(issuerTemplate(input(issuerKeys.publicKey), trustDomain, root), {
      key: rootKeys.privateKey,
      certificate: root,
    }),
  };
  const leaf = (template: (publicKey: KeyObject) => Parameters<typeof signCertificate>[0]) => {
    const { publicKey, privateKey } = keyPair();
    const certificateChain = signCertificate(template(publicKey), issuer).pem + issuer.certificate.pem;
    return { certificateChain, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  };
  const names = { dnsNames: [], ipAddresses: ['127.0.0.1'] };
  const workload = spiffeId({ trustDomain, namespace: 'default', serviceAccount: 'proxy' });
  return {
    authority: root.pem,
    server: leaf((publicKey) => serverTemplate(input(publicKey), names, life, issuer.certificate)),
    client: leaf((publicKey) => svidTemplate(input(publicKey), workload, life, issuer.certificate)),
  };
}

function keyPair() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function input(publicKey: KeyObject) {
  return { publicKey, serial: randomBytes(16), now: Date.now() };
}
