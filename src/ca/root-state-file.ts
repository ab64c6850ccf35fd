import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import type { StateStore } from '../model/state-store.ts';
import { type Certificate, readCertificates, subjectAltNames } from './certificate.ts';
import { firstRoots, type RootPhase, type RootSlot, type RootState, trustedRoots } from './root-rotation.ts';
import { isSealed } from './sealed-store.ts';
import { type IssuingSigner, issuingSigner, rootSlot, type TrustedRoot } from './trusted-root.ts';
import { isSignedBy, validateCertificate } from './validate-certificate.ts';

/** What the store holds of an authority: which roots are trusted, which signs, and the parts of each by its fingerprint. */
export interface AuthorityState {
  readonly roots: RootState;
  readonly parts: ReadonlyMap<string, TrustedRoot>;
}

/**
 * One file says what is in force and is written last; keys stand in files of their own, written before. A file of a key that it does not
 * name is what an interrupted step left, or a step left behind: it is swept away.
 */
const stateKey = 'ca/state.json';
const rootKeyOf = (fingerprint: string) => `ca/roots/${fingerprint}.key`;
const issuerOf = (fingerprint: string) => `ca/issuers/${fingerprint}.pem`;

/** How authorities were kept before roots could change: read once. */
const former = { root: 'ca/root.pem', rootKey: 'ca/root.key', issuer: 'ca/issuer.pem' } as const;

interface WrittenRoot {
  readonly certificate: string;
  readonly source: RootSlot['source'];
  /** Fingerprint of its issuer. */
  readonly issuer?: string;
}

interface WrittenState {
  readonly version: 1;
  readonly generation: number;
  readonly phase: RootPhase;
  readonly signing: WrittenRoot;
  readonly other?: WrittenRoot;
  readonly begun?: RootState['begun'];
  readonly deadlines?: RootState['deadlines'];
  readonly distrusted?: RootState['distrusted'];
}

/** The trust domain of an authority, and the names that it had before: roots that were made under these are still taken. */
export interface Domains {
  readonly trustDomain: string;
  readonly former?: readonly string[];
}

/**
 * Reads the authority; undefined if there is none yet (a lone root key is what an interrupted first start leaves). Throws Failure
 * WEFT0908 if the parts do not belong together, or to another trust domain.
 */
export async function loadAuthority(store: StateStore, domains: Domains): Promise<AuthorityState | undefined> {
  const text = await readText(store, stateKey);
  if (text === undefined) {
    const state = await loadFormer(store, domains);
    if (state === undefined) {
      const [issuer] = await store.list('ca/issuers/');
      if (issuer !== undefined) throw damaged(stateKey, `it is missing, though an issuer is there (${issuer})`);
    }
    return state;
  }
  const written = parseState(text);
  const signing = await loadRoot(store, written.signing, domains);
  const other = written.other && (await loadRoot(store, written.other, domains));
  const { generation, phase, begun, deadlines, distrusted } = written;
  return {
    roots: {
      generation,
      phase,
      signing: signing.slot,
      ...(other && { other: other.slot }),
      ...(begun && { begun }),
      ...(deadlines && { deadlines }),
      ...(distrusted && { distrusted }),
    },
    parts: new Map([signing, ...(other ? [other] : [])].map((root) => [root.slot.fingerprint, root])),
  };
}

/** Saves the key of a root that is to be trusted: before anything names it, so that a root without a key is never a matter of chance. */
export async function saveRootKey(store: StateStore, root: TrustedRoot): Promise<void> {
  if (root.key) await store.write(rootKeyOf(root.slot.fingerprint), Buffer.from(pkcs8(root.key)));
}

/** Saves an issuer, its chain and its key in one file. */
export async function saveIssuer(store: StateStore, issuer: IssuingSigner): Promise<void> {
  const certificates = [issuer.certificate, ...issuer.chain].map(({ pem }) => pem).join('');
  await store.write(issuerOf(issuer.certificate.fingerprint), Buffer.from(certificates + pkcs8(issuer.key)));
}

/** Saves what is in force: from here on a restart finds it. The keys that it names must have been saved. */
export async function saveState(store: StateStore, { roots, parts }: AuthorityState): Promise<void> {
  const write = ({ fingerprint, certificate, source }: RootSlot): WrittenRoot => {
    const issuer = parts.get(fingerprint)?.issuer?.certificate.fingerprint;
    return { certificate, source, ...(issuer !== undefined && { issuer }) };
  };
  const { generation, phase, signing, other, begun, deadlines, distrusted } = roots;
  const state: WrittenState = {
    version: 1,
    generation,
    phase,
    signing: write(signing),
    ...(other && { other: write(other) }),
    ...(begun && { begun }),
    ...(deadlines && { deadlines }),
    ...(distrusted && { distrusted }),
  };
  await store.write(stateKey, Buffer.from(`${JSON.stringify(state, undefined, 2)}\n`));
}

/** Deletes keys and issuers that the saved state does not name: those of roots that are gone must not lie about. */
export async function sweepAuthority(store: StateStore, { roots, parts }: AuthorityState): Promise<void> {
  const named = new Set<string>([stateKey]);
  for (const { fingerprint } of trustedRoots(roots)) {
    const issuer = parts.get(fingerprint)?.issuer;
    named.add(rootKeyOf(fingerprint));
    if (issuer) named.add(issuerOf(issuer.certificate.fingerprint));
  }
  for (const key of await store.list('ca/')) {
    const isOurs = /^ca\/(roots|issuers)\//.test(key) || Object.values<string>(former).includes(key);
    if (isOurs && !named.has(key)) await store.delete(key);
  }
}

/** A private key as PKCS#8 PEM. */
export function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function loadRoot(store: StateStore, written: WrittenRoot, domains: Domains): Promise<TrustedRoot> {
  const certificate = onlyOne(stateKey, certificatesOf(stateKey, written.certificate));
  const trustDomain = written.source === 'made' ? requireOwnRoot(stateKey, certificate, domains) : domains.trustDomain;
  const { fingerprint } = certificate;
  const keyText = await readText(store, rootKeyOf(fingerprint));
  const key = keyText === undefined ? undefined : keyOf(rootKeyOf(fingerprint), keyText, certificate);
  const root = { slot: rootSlot(certificate, trustDomain, written.source), certificate, ...(key && { key }) };
  if (written.issuer === undefined) return root;
  const place = issuerOf(written.issuer);
  const text = await readText(store, place);
  if (text === undefined) throw damaged(place, 'it is missing, though ca/state.json names it');
  return { ...root, issuer: issuerFrom(place, text, root) };
}

function issuerFrom(place: string, text: string, { certificate, slot }: TrustedRoot): IssuingSigner {
  const [issuer, ...chain] = certificatesOf(place, text);
  if (issuer === undefined) throw damaged(place, 'it holds no certificate that can be read');
  if (slot.source === 'made') {
    onlyOne(place, [issuer, ...chain]);
    requireValid(place, validateCertificate(issuer, { kind: 'issuer', trustDomain: slot.trustDomain }, certificate));
  }
  const links = [issuer, ...chain, certificate];
  const broken = links.slice(0, -1).some((link, index) => !isSignedBy(link, links[index + 1] ?? link));
  // A root that itself signs leaves (imported so) stands for its own issuer.
  if (broken && issuer.fingerprint !== certificate.fingerprint) throw damaged(place, 'it is not signed by its root');
  return issuingSigner({ certificate: issuer, key: keyOf(place, text, issuer) }, chain, certificate);
}

async function loadFormer(store: StateStore, domains: Domains): Promise<AuthorityState | undefined> {
  const [rootText, keyText, issuerText] = await Promise.all(
    [former.root, former.rootKey, former.issuer].map((key) => readText(store, key)),
  );
  if (rootText === undefined) {
    if (issuerText !== undefined) throw damaged(former.root, 'it is missing, though an issuer that it signed is there');
    return undefined;
  }
  const certificate = onlyOne(former.root, certificatesOf(former.root, rootText));
  const trustDomain = requireOwnRoot(former.root, certificate, domains);
  const key = keyText === undefined ? undefined : keyOf(former.rootKey, keyText, certificate);
  const bare: TrustedRoot = { slot: rootSlot(certificate, trustDomain, 'made'), certificate, ...(key && { key }) };
  const root = issuerText === undefined ? bare : { ...bare, issuer: issuerFrom(former.issuer, issuerText, bare) };
  const state = { roots: firstRoots(root.slot), parts: new Map([[certificate.fingerprint, root]]) };
  await saveRootKey(store, root);
  if (root.issuer) await saveIssuer(store, root.issuer);
  await saveState(store, state);
  return state;
}

function parseState(text: string): WrittenState {
  try {
    const value: unknown = JSON.parse(text);
    if (isWrittenState(value)) return value;
  } catch {
    // Said below, as for a file of another form.
  }
  throw damaged(stateKey, 'it is not what Weft wrote');
}

function isWrittenState(value: unknown): value is WrittenState {
  if (!isRecord(value) || value.version !== 1 || !Number.isSafeInteger(value.generation)) return false;
  const { phase, signing, other, begun, deadlines, distrusted } = value;
  const phases: readonly unknown[] = ['steady', 'prepared', 'activated', 'returning'] satisfies RootPhase[];
  return (
    phases.includes(phase) &&
    isWrittenRoot(signing) &&
    (phase === 'steady' ? other === undefined : isWrittenRoot(other)) &&
    (begun === undefined || (isRecord(begun) && typeof begun.at === 'number' && typeof begun.by === 'string')) &&
    (deadlines === undefined ||
      (isRecord(deadlines) && typeof deadlines.activate === 'number' && typeof deadlines.finish === 'number')) &&
    (distrusted === undefined || (typeof distrusted === 'string' && /^[0-9a-f]{64}$/.test(distrusted)))
  );
}

function isWrittenRoot(value: unknown): value is WrittenRoot {
  if (!isRecord(value) || typeof value.certificate !== 'string') return false;
  const { source, issuer } = value;
  return (
    (source === 'made' || source === 'imported') &&
    (issuer === undefined || (typeof issuer === 'string' && /^[0-9a-f]{64}$/.test(issuer)))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readText(store: StateStore, key: string): Promise<string | undefined> {
  const bytes = await store.read(key);
  if (bytes && isSealed(bytes))
    throw damaged(key, 'it is sealed, and ca.sealKeyFile in weft.yaml does not say with what');
  return bytes && Buffer.from(bytes).toString('latin1');
}

function certificatesOf(key: string, text: string): readonly Certificate[] {
  try {
    return readCertificates(text);
  } catch {
    throw damaged(key, 'it holds no certificate that can be read');
  }
}

function onlyOne(key: string, [certificate, ...more]: readonly Certificate[]): Certificate {
  if (certificate === undefined || more.length > 0) throw damaged(key, 'it does not hold exactly one certificate');
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

/** The trust domain that a root was made under: the authority's own, or one of its former names. */
function requireOwnRoot(key: string, root: Certificate, { trustDomain, former: names = [] }: Domains): string {
  const [uri = ''] = subjectAltNames(root).uris;
  const recorded = uri.replace(/^spiffe:\/\//, '');
  if (recorded !== trustDomain && !names.includes(recorded)) {
    throw new Failure(
      'WEFT0908',
      `the state dir belongs to trust domain "${recorded}", this server is set to "${trustDomain}"`,
      `set trustDomain: ${recorded} in weft.yaml; to give the mesh its new name, see docs/trust-domains.md (ca.acceptFormer: [${recorded}]); for another mesh use a new state dir`,
      key,
    );
  }
  requireValid(key, validateCertificate(root, { kind: 'root', trustDomain: recorded }, root));
  return recorded;
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
