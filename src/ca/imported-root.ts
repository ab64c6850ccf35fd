import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { duplexPair } from 'node:stream';
import { connect, createServer } from 'node:tls';
import { Failure } from '../model/failure.ts';
import { spiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import { type Certificate, extensionOfCertificate, readCertificates, subjectKeyId } from './certificate.ts';
import { svidTemplate } from './certificate-template.ts';
import { childrenOf, contentOf, decodeDer } from './der.ts';
import { oid } from './object-ids.ts';
import { pkcs8 } from './root-state-file.ts';
import { signCertificate } from './sign-certificate.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import { type IssuingSigner, issuingSigner, rootSlot, type TrustedRoot } from './trusted-root.ts';
import { isSignedBy } from './validate-certificate.ts';

/** A root that was made elsewhere, as PEM. */
export interface ImportedFiles {
  /** The root certificate alone. */
  readonly root: string;
  /** The issuing certificate, then what stands between it and the root; absent: the root itself signs, and `key` is its key. */
  readonly certificate?: string;
  /** The private key of the first certificate (PKCS#8, SEC 1 or PKCS#1), not encrypted. */
  readonly key: string;
}

/**
 * Reads a root from outside, with its key or with an issuing certificate below it and the root's key offline. Whether peers would believe
 * it is asked of TLS itself, by a handshake with a certificate signed under it (T18). Throws Failure WEFT0307.
 */
export async function readImportedRoot(files: ImportedFiles, trustDomain: string, now: Millis): Promise<TrustedRoot> {
  const [root, ...others] = certificatesOf('ca.root', files.root);
  if (root === undefined || others.length > 0) throw unusable('ca.root does not hold exactly one certificate');
  if (!isSignedBy(root, root)) throw unusable('ca.root is not a root: it is not signed by its own key');
  const given = files.certificate === undefined ? [root] : certificatesOf('ca.certificate', files.certificate);
  const [issuing = root, ...between] = given;
  // Many files of chains end with the root: it is not sent (X116), so it is not kept there.
  const chain = between.filter(({ fingerprint }) => fingerprint !== root.fingerprint);
  const key = keyOf(files.key, issuing);
  const links = issuing.fingerprint === root.fingerprint ? [root] : [issuing, ...chain, root];
  for (const [index, link] of links.entries()) {
    if (!isSignedBy(link, links[index + 1] ?? link))
      throw unusable(`certificate ${index + 1} of ca.certificate is not signed by the next`);
    if (link.notAfter <= now || now < link.notBefore) throw unusable(`${nameOf(link)} is not valid now`);
  }
  if (subjectKeyId(issuing) === undefined) throw unusable(`${nameOf(issuing)} has no subject key identifier`);
  const slot = rootSlot(root, trustDomain, 'imported');
  const isOwnIssuer = issuing.fingerprint === root.fingerprint;
  if (isOwnIssuer && (pathLengthOf(root) ?? 1) > 0) {
    await prove(issuingSigner({ key, certificate: root }, [], root), root, trustDomain, now);
    return { slot, certificate: root, key };
  }
  const issuer = issuingSigner({ key, certificate: issuing }, isOwnIssuer ? [] : chain, root);
  await prove(issuer, root, trustDomain, now);
  return { slot, certificate: root, issuer };
}

/** A handshake of both sides with a certificate of this signer, both believing the root alone: what sidecars will do. */
async function prove(issuer: IssuingSigner, root: Certificate, trustDomain: string, now: Millis): Promise<void> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = spiffeId({ trustDomain, namespace: 'weft', serviceAccount: 'probe' });
  const input = { publicKey: pair.publicKey, serial: randomBytes(16), now };
  const leaf = signCertificate(svidTemplate(input, id, 300_000, issuer), issuer);
  const above = [issuer.certificate, ...issuer.chain].filter(({ fingerprint }) => fingerprint !== root.fingerprint);
  const credentials = {
    cert: [leaf, ...above].map(({ pem }) => pem).join(''),
    key: pkcs8(pair.privateKey),
    ca: root.pem,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
  } as const;
  const problem = await handshake(credentials);
  if (problem !== undefined) throw unusable(`TLS does not believe what is signed under it (${problem})`);
}

function handshake(credentials: {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly minVersion: 'TLSv1.3';
  readonly rejectUnauthorized: true;
}): Promise<string | undefined> {
  const server = createServer({ ...credentials, requestCert: true });
  const [near, far] = duplexPair();
  return new Promise((resolve) => {
    const client = connect({ ...credentials, socket: near, checkServerIdentity: () => undefined });
    const finish = (problem?: string): void => {
      clearTimeout(timer);
      resolve(problem);
      client.destroy();
      near.destroy();
      far.destroy();
    };
    const failed = (error: Error): void => finish('code' in error ? String(error.code) : error.message);
    const timer = setTimeout(() => finish('no answer in 5 s'), 5_000);
    server.once('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      finish();
    });
    server.once('tlsClientError', failed);
    client.on('error', failed);
    server.emit('connection', far);
  });
}

function certificatesOf(setting: string, text: string): readonly Certificate[] {
  try {
    return readCertificates(text);
  } catch {
    throw unusable(`${setting} holds no certificate (PEM) that can be read`);
  }
}

function keyOf(text: string, certificate: Certificate): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
    signatureAlgorithmOf(key);
  } catch {
    // Node's words may quote the input: never pass them on (T6).
    throw unusable('ca.key holds no private key that can be used: EC P-256 or P-384, or RSA, in PEM, not encrypted');
  }
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2_048)
    throw unusable('ca.key is an RSA key of less than 2048 bits');
  if (!createPublicKey(key).equals(certificate.publicKey))
    throw unusable(`ca.key is not the key of ${nameOf(certificate)}`);
  return key;
}

/** How many authorities may stand below it; undefined: any number. */
function pathLengthOf(certificate: Certificate): number | undefined {
  const constraints = extensionOfCertificate(certificate, oid.basicConstraints);
  const length = constraints && childrenOf(decodeDer(constraints.value))[1];
  return length && contentOf(length).readUIntBE(0, Math.min(contentOf(length).length, 6));
}

function nameOf({ fingerprint }: Certificate): string {
  return `the certificate ${fingerprint.slice(0, 16)}`;
}

function unusable(problem: string): Failure {
  return new Failure(
    'WEFT0307',
    `the CA from outside cannot be used: ${problem}`,
    'ca.root: the root alone; ca.certificate: the issuing certificate and the chain to the root, without it; ca.key: the key of the first',
  );
}
