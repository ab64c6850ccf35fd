import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import type { StateStore } from '../model/state-store.ts';
import { type Certificate, readCertificates, subjectAltNames } from './certificate.ts';
import type { Signer } from './sign-certificate.ts';
import { validateCertificate } from './validate-certificate.ts';

/** What the store holds of an authority. The root's key may be kept elsewhere: then the issuer cannot be renewed. */
export interface AuthorityState {
  readonly root: Certificate;
  readonly rootKey?: KeyObject;
  readonly issuer?: Signer;
}

const keys = { root: 'ca/root.pem', rootKey: 'ca/root.key', issuer: 'ca/issuer.pem' } as const;

/**
 * Reads the authority; undefined if there is none yet (a lone root key is what an interrupted first start leaves). Throws Failure
 * WEFT0908 if the parts do not belong together, or to another trust domain.
 */
export async function loadAuthority(store: StateStore, trustDomain: string): Promise<AuthorityState | undefined> {
  const [rootText, keyText, issuerText] = await Promise.all(
    [keys.root, keys.rootKey, keys.issuer].map((key) => readText(store, key)),
  );
  if (rootText === undefined) {
    if (issuerText !== undefined) throw damaged(keys.root, 'it is missing, though an issuer that it signed is there');
    return undefined;
  }
  const root = certificateOf(keys.root, rootText);
  requireTrustDomain(root, trustDomain);
  requireValid(keys.root, validateCertificate(root, { kind: 'root', trustDomain }, root));
  const rootKey = keyText === undefined ? undefined : keyOf(keys.rootKey, keyText, root);
  if (issuerText === undefined) return { root, ...(rootKey && { rootKey }) };
  const certificate = certificateOf(keys.issuer, issuerText);
  requireValid(keys.issuer, validateCertificate(certificate, { kind: 'issuer', trustDomain }, root));
  const key = keyOf(keys.issuer, issuerText, certificate);
  return { root, ...(rootKey && { rootKey }), issuer: { certificate, key } };
}

/** Saves a new root: its key first, so that a certificate without a key is never a matter of chance. */
export async function saveRoot(store: StateStore, root: Signer): Promise<void> {
  await store.write(keys.rootKey, Buffer.from(pkcs8(root.key)));
  await store.write(keys.root, Buffer.from(root.certificate.pem));
}

/** Saves the issuer, certificate and key in one file: they change together or not at all. */
export async function saveIssuer(store: StateStore, issuer: Signer): Promise<void> {
  await store.write(keys.issuer, Buffer.from(issuer.certificate.pem + pkcs8(issuer.key)));
}

/** A private key as PKCS#8 PEM. */
export function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function readText(store: StateStore, key: string): Promise<string | undefined> {
  const bytes = await store.read(key);
  return bytes && Buffer.from(bytes).toString('latin1');
}

function certificateOf(key: string, text: string): Certificate {
  let certificates: readonly Certificate[] = [];
  try {
    certificates = readCertificates(text);
  } catch {
    throw damaged(key, 'it holds no certificate that can be read');
  }
  const [certificate] = certificates;
  if (certificate === undefined || certificates.length > 1)
    throw damaged(key, 'it does not hold exactly one certificate');
  return certificate;
}

function keyOf(key: string, text: string, certificate: Certificate): KeyObject {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(/-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----/.exec(text)?.[0] ?? '');
  } catch {
    // Node's words may quote the input: never pass them on (T6).
    throw damaged(key, 'it holds no private key (PKCS#8 PEM) that can be read');
  }
  if (!createPublicKey(privateKey).equals(certificate.publicKey))
    throw damaged(key, 'its key is not that of the certificate');
  return privateKey;
}

function requireTrustDomain(root: Certificate, trustDomain: string): void {
  const [uri = ''] = subjectAltNames(root).uris;
  const recorded = uri.replace(/^spiffe:\/\//, '');
  if (recorded === trustDomain) return;
  throw new Failure(
    'WEFT0908',
    `the state dir belongs to trust domain "${recorded}", this server is set to "${trustDomain}"`,
    `set trustDomain: ${recorded} in weft.yaml, or use a new state dir for "${trustDomain}"`,
    keys.root,
  );
}

function requireValid(key: string, problems: readonly string[]): void {
  if (problems.length > 0) throw damaged(key, problems.join('; '));
}

function damaged(key: string, problem: string): Failure {
  return new Failure(
    'WEFT0908',
    `"${key}" in the state dir cannot be used: ${problem}`,
    'restore the folder ca/ of the state dir from one backup; a new state dir means a new CA, and every sidecar must join again',
    key,
  );
}
