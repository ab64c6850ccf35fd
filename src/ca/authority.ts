import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import { type Identity, spiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { Secret } from '../model/secret.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import { type AuthorityInfo, describeAuthority } from './authority-info.ts';
import { type AuthorityState, loadAuthority, pkcs8, saveIssuer, saveRoot } from './authority-state.ts';
import type { Certificate } from './certificate.ts';
import { issuerTemplate, rootTemplate, serverTemplate, svidTemplate } from './certificate-template.ts';
import type { Slot } from './rotation.ts';
import { type Signer, signCertificate } from './sign-certificate.ts';
import { startRotation } from './start-rotation.ts';
import type { Bundle, IssuedCertificate, SignedCertificate, SignedSvid, Svid } from './svid.ts';
import { type CertificateProfile, validateCertificate } from './validate-certificate.ts';

/** Life of a leaf unless asked otherwise, and the bounds of what may be asked (section 3 of reliability.md). */
export const defaultLife: Millis = 24 * 3_600_000;
export const shortestLife: Millis = 300_000;

export interface AuthorityOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly trustDomain: string;
  /** Random bytes for serials; absent: the system's. */
  readonly random?: (size: number) => Uint8Array;
  /** For tests only: lifts the 5-minute floor of a leaf's life. */
  readonly allowShortLives?: boolean;
}

export interface ServerNames {
  /** Beside `xds.weft`. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** The certificate authority of one trust domain. */
export interface Authority {
  readonly trustDomain: string;
  readonly bundle: Readable<Bundle>;
  /** A new key and X509-SVID for an identity. `ttl` in ms. Throws Failure WEFT0909 if it cannot be: nothing else is ever handed out. */
  issue(identity: Identity, options?: { readonly ttl?: Millis }): Svid;
  /** An X509-SVID for a key that somebody else keeps (csr.ts read it and checked that he has it). Throws Failure WEFT0909. */
  sign(identity: Identity, publicKey: KeyObject, options?: { readonly ttl?: Millis }): Omit<SignedSvid, 'renewAt'>;
  /** A new key and certificate for the control plane's own port. Throws Failure WEFT0909. */
  issueServer(names: ServerNames, options?: { readonly ttl?: Millis }): IssuedCertificate;
  info(): AuthorityInfo;
  /** Stops the rotation of the issuer. */
  dispose(): void;
}

/**
 * Loads the authority from the store (`ca/`), or creates root and issuer there. The issuer is renewed at half-life while the root's
 * key is present. Throws Failure WEFT0908 for parts that do not belong together, WEFT0909 if nothing valid can be had.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { store, clock, trustDomain, random = randomBytes, allowShortLives = false } = options;
  const inputFor = (publicKey: KeyObject) => ({ publicKey, serial: random(16), now: clock.now() });
  const fresh = () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { key: pair.privateKey, input: inputFor(pair.publicKey) };
  };
  const state = (await loadAuthority(store, trustDomain)) ?? (await createRoot());
  const { root } = state;
  let unsaved: Failure | undefined;

  async function createRoot(): Promise<AuthorityState> {
    const { key, input } = fresh();
    const certificate = signCertificate(rootTemplate(input, trustDomain), key);
    await saveRoot(store, { key, certificate: checked(certificate, { kind: 'root', trustDomain }, certificate) });
    return { root: certificate, rootKey: key };
  }

  const issuerRotation = startRotation<Signer>({
    clock,
    ...(state.issuer && { initial: issuerSlot(state.issuer) }),
    issue() {
      if (state.rootKey === undefined)
        throw cannot('the root key is not in the state dir (ca/root.key)', 'bring it back');
      if (root.notAfter <= clock.now()) throw cannot('the root certificate has ended', 'start with a new state dir');
      const { key, input } = fresh();
      const signed = signCertificate(issuerTemplate(input, trustDomain, root), {
        key: state.rootKey,
        certificate: root,
      });
      const certificate = checked(signed, { kind: 'issuer', trustDomain }, root);
      return issuerSlot({ key, certificate });
    },
  });
  // An issuer that is not saved yet is as good as any: each chain carries it. After a restart the saved one is renewed again.
  const keep = (issuer: Signer): Promise<void> =>
    saveIssuer(store, issuer).then(
      () => {
        unsaved = undefined;
      },
      (error: unknown) => {
        unsaved = error instanceof Failure ? error : cannot('the issuer could not be saved', 'check the state dir');
      },
    );
  const firstIssuer = issuerRotation.get();
  let lastIssuer = firstIssuer;
  issuerRotation.watch((issuer) => {
    lastIssuer = issuer;
    void keep(issuer);
  });
  if (firstIssuer !== state.issuer) {
    try {
      await saveIssuer(store, firstIssuer);
    } catch (error) {
      issuerRotation.dispose();
      throw error;
    }
  }

  const lifeOf = (ttl: Millis = defaultLife): Millis => {
    if (ttl > 0 && ttl <= defaultLife && (ttl >= shortestLife || allowShortLives)) return ttl;
    throw cannot(`a life of ${ttl / 1_000} s is outside 5 min to 24 h`, 'choose a life between 5m and 24h');
  };
  const signed = (chain: readonly [Certificate, ...Certificate[]]): SignedCertificate => ({
    certificateChain: chain.map((link) => link.pem).join(''),
    serial: chain[0].serial,
    issuedAt: clock.now(),
    notBefore: chain[0].notBefore,
    notAfter: chain[0].notAfter,
  });
  const sign: Authority['sign'] = (identity, publicKey, { ttl } = {}) => {
    if (identity.trustDomain !== trustDomain) {
      throw cannot(
        `"${identity.trustDomain}" is another trust domain`,
        `this authority speaks for "${trustDomain}" only`,
      );
    }
    const [id, life, issuer] = [spiffeId(identity), lifeOf(ttl), issuerRotation.get()];
    const leaf = signCertificate(svidTemplate(inputFor(publicKey), id, life, issuer.certificate), issuer);
    checked(leaf, { kind: 'svid', spiffeId: id, publicKey }, issuer.certificate);
    return { identity, spiffeId: id, ...signed([leaf, issuer.certificate]) };
  };
  return {
    trustDomain,
    bundle: createCell<Bundle>({ trustDomain, roots: [root.pem] }),
    sign,
    issue(identity, options) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return { ...sign(identity, pair.publicKey, options), privateKey: new Secret(pkcs8(pair.privateKey)) };
    },
    issueServer(names, { ttl } = {}) {
      const [life, issuer, { key, input }] = [lifeOf(ttl), issuerRotation.get(), fresh()];
      const template = serverTemplate(input, names, life, issuer.certificate);
      const leaf = signCertificate(template, issuer);
      checked(leaf, { ...template, kind: 'server' }, issuer.certificate);
      return { ...signed([leaf, issuer.certificate, root]), privateKey: new Secret(pkcs8(key)) };
    },
    info: () =>
      describeAuthority({
        trustDomain,
        root,
        rootKeyPresent: state.rootKey !== undefined,
        issuer: lastIssuer.certificate,
        issuerRenewsAt: issuerRotation.renewsAt(),
        problem: unsaved ?? issuerRotation.problem(),
        now: clock.now(),
      }),
    dispose: () => issuerRotation.dispose(),
  };
}

function issuerSlot(issuer: Signer): Slot<Signer> {
  const { notBefore, notAfter } = issuer.certificate;
  return { value: issuer, notBefore, notAfter, renewAt: notBefore + (notAfter - notBefore) / 2 };
}

/** The last look before a certificate is used. A difference is a bug of ours: it throws, and nothing leaves. */
function checked(certificate: Certificate, profile: CertificateProfile, signer: Certificate): Certificate {
  const problems = validateCertificate(certificate, profile, signer);
  if (problems.length > 0) throw new Error(`signed a wrong certificate: ${problems.join('; ')}`);
  return certificate;
}

function cannot(why: string, hint: string): Failure {
  return new Failure('WEFT0909', `no certificate can be issued: ${why}`, hint);
}
