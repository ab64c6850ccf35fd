import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

export interface TestAuthority {
  /** PEM */
  readonly certificate: string;
  readonly key: string;
  /** A certificate (PEM) with its own key; `names` are hosts, addresses or URIs. */
  issue(options: {
    readonly commonName?: string;
    readonly names?: readonly string[];
    readonly from?: number;
    readonly until?: number;
  }): { readonly certificate: string; readonly key: string };
}

function keyPair() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const own = forge.pki.privateKeyFromPem(key);
  return { key, own, its: forge.pki.setRsaPublicKey(own.n, own.e) };
}

let serial = 1;

/** An authority for the servers and clients of a test (RSA: node-forge has no ECDSA), good for a day. */
export function createTestAuthority(name: string): TestAuthority {
  const { key, own, its } = keyPair();
  const subject = [{ name: 'commonName', value: name }];
  const build = (publicKey: typeof its, commonName: string, from: number, until: number) => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    serial += 1;
    certificate.serialNumber = serial.toString(16).padStart(4, '0');
    certificate.validity.notBefore = new Date(from);
    certificate.validity.notAfter = new Date(until);
    certificate.setSubject([{ name: 'commonName', value: commonName }]);
    certificate.setIssuer(subject);
    return certificate;
  };
  const now = Date.now();
  const [yesterday, tomorrow] = [now - 86_400_000, now + 86_400_000];
  const root = build(its, name, yesterday, tomorrow);
  root.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true },
  ]);
  root.sign(own, forge.md.sha256.create());
  return {
    certificate: forge.pki.certificateToPem(root),
    key,
    issue({ commonName = 'leaf', names = [], from = yesterday, until = tomorrow }) {
      const pair = keyPair();
      const leaf = build(pair.its, commonName, from, until);
      const altNames = names.map((value) => {
        if (value.includes('://')) return { type: 6, value };
        return isIP(value) === 0 ? { type: 2, value } : { type: 7, ip: value };
      });
      leaf.setExtensions(altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]);
      leaf.sign(own, forge.md.sha256.create());
      return { certificate: forge.pki.certificateToPem(leaf), key: pair.key };
    },
  };
}
