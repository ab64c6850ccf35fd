import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { Failure } from '../model/failure.ts';
import { type Identity, spiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { Secret } from '../model/secret.ts';
import { type AuthorityInfo, describeAuthority } from './authority-info.ts';
import { type AuthorityOptions, defaultLife, shortestLife } from './authority-options.ts';
import { inputOf, type RootStep, renewedIssuer, stepped, withParts, withRoot } from './authority-steps.ts';
import type { Certificate } from './certificate.ts';
import { issuerTemplate, rootTemplate, serverTemplate, svidTemplate } from './certificate-template.ts';
import { checked } from './checked-certificate.ts';
import { createIssuers } from './issuers.ts';
import { needsRoot, type RootState, rootWakeAt, trustedRoots } from './root-rotation.ts';
import { loadAuthority, pkcs8, sweepAuthority } from './root-state-file.ts';
import { signCertificate } from './sign-certificate.ts';
import { createStateKeeper, savingProblem } from './state-keeper.ts';
import type { Bundle, IssuedCertificate, SignedCertificate, SignedSvid, Svid } from './svid.ts';
import { type IssuingSigner, issuingSigner, rootSlot, type TrustedRoot } from './trusted-root.ts';

export interface ServerNames {
  /** Beside `xds.weft`. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** The certificate authority of one trust domain. */
export interface Authority {
  readonly trustDomain: string;
  /** Every trusted root, the longest trusted first. */
  readonly bundle: Readable<Bundle>;
  readonly roots: Readable<RootState>;
  /**
   * Takes a step of the rotation of roots: makes keys, saves, and only then acts. Resolves to the state after it, which is the same if
   * the step was done before. Throws Failure WEFT0306 (not now, and why), WEFT0904 (not saved: nothing has changed).
   */
  rotate(step: RootStep): Promise<RootState>;
  /** A new key and X509-SVID for an identity. `ttl` in ms. Throws Failure WEFT0909 if it cannot be: nothing else is ever handed out. */
  issue(identity: Identity, options?: { readonly ttl?: Millis }): Svid;
  /** An X509-SVID for a key that somebody else keeps (csr.ts read it and checked that he has it). Throws Failure WEFT0909. */
  sign(identity: Identity, publicKey: KeyObject, options?: { readonly ttl?: Millis }): Omit<SignedSvid, 'renewAt'>;
  /**
   * A new key and certificate for the control plane's own port, under a trusted root; absent: under the one that has been trusted longest,
   * which is the one that most have pinned. Throws Failure WEFT0909.
   */
  issueServer(names: ServerNames, options?: { readonly ttl?: Millis; readonly root?: string }): IssuedCertificate;
  info(): AuthorityInfo;
  /** Stops the rotation of the issuers. */
  dispose(): void;
}

/**
 * Loads the authority from the store (`ca/`), or creates root and issuer there. The issuer is renewed at half-life while the root's
 * key is present. Throws Failure WEFT0908 for parts that do not belong together, WEFT0909 if nothing valid can be had.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { store, clock, trustDomain, former = [], imported, replaceEnded = false, random = randomBytes } = options;
  const { allowShortLives = false, observe = () => undefined } = options;
  const fresh = () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { key: pair.privateKey, input: inputFor(pair.publicKey) };
  };
  const inputFor = (publicKey: KeyObject) => ({ publicKey, serial: random(16), now: clock.now() });

  const makeRoot = (): TrustedRoot => {
    const { key, input } = fresh();
    const certificate = signCertificate(rootTemplate(input, trustDomain), key);
    checked(certificate, { kind: 'root', trustDomain }, certificate);
    observe({ kind: 'made', what: 'root', certificate });
    return { slot: rootSlot(certificate, trustDomain, 'made'), certificate, key };
  };
  const makeIssuer = (root: TrustedRoot): IssuingSigner => {
    if (root.key === undefined)
      throw cannot(`the root key is not in the state dir (ca/roots/${root.slot.fingerprint}.key)`, 'bring it back');
    if (root.slot.notAfter <= clock.now())
      throw cannot(
        'the root certificate has ended',
        'set ca.replaceEnded: true in weft.yaml and start the control plane: it makes a new root, and every sidecar joins again with a new token',
      );
    const { key, input } = fresh();
    const signer = { key: root.key, certificate: root.certificate };
    const { trustDomain: named } = root.slot;
    const certificate = signCertificate(issuerTemplate(input, named, root.certificate), signer);
    checked(certificate, { kind: 'issuer', trustDomain: named }, root.certificate);
    observe({ kind: 'made', what: 'issuing certificate', certificate });
    return issuingSigner({ key, certificate }, [], root.certificate);
  };

  const loaded = await loadAuthority(store, { trustDomain, former });
  const keeper = createStateKeeper(store, loaded);
  let state = loaded ? renewedIssuer(loaded, imported) : await keeper.save(() => withRoot(imported ?? makeRoot()));
  const isNext = (root: TrustedRoot) => !state.parts.has(root.slot.fingerprint);
  /** A root from outside is followed by another from outside: none is made that nobody asked for. */
  const nextRoot = (): TrustedRoot => {
    const root = imported ?? makeRoot();
    if (!isNext(root))
      throw new Failure(
        'WEFT0306',
        'there is no next root: ca.root in weft.yaml names one that is trusted already',
        'name the files of the next root in weft.yaml, restart the control plane, and repeat the step',
      );
    return root.issuer ? root : { ...root, issuer: makeIssuer(root) };
  };
  if (replaceEnded && state.roots.signing.notAfter <= clock.now()) {
    const root = nextRoot();
    const roots = stepped(state.roots, { kind: 'prepare', now: clock.now(), by: 'ca.replaceEnded', root: root.slot });
    state = { roots, parts: withParts(state.parts, [root]) };
  }
  const bundleOf = (of: RootState): Bundle => ({
    trustDomain,
    roots: trustedRoots(of).map((root) => root.certificate),
  });
  const [bundle, roots] = [createCell(bundleOf(state.roots)), createCell(state.roots)];
  let unsaved: string | undefined;
  let cancelTick = (): void => undefined;
  let rotating = 0;
  let started = false;
  let disposed = false;

  // What could not be saved acts all the same: each chain carries its issuer, and after a restart the saved one is renewed again.
  const keep = (): Promise<void> =>
    keeper
      .save(() => state)
      .then(
        () => {
          unsaved = undefined;
        },
        (error: unknown) => {
          unsaved = savingProblem(error);
        },
      );
  const issuers = createIssuers({
    clock,
    make: makeIssuer,
    onRenewed({ slot }, issuer) {
      const root = state.parts.get(slot.fingerprint);
      if (root) state = { ...state, parts: new Map(state.parts).set(slot.fingerprint, { ...root, issuer }) };
      if (started) void keep();
    },
  });

  /** Lets a state act: the bundle first, so that whoever hears of a new signer has heard of its root. */
  const enact = (next: RootState, added: readonly TrustedRoot[] = []): void => {
    if (started && next !== state.roots) observe({ kind: 'roots', before: state.roots, now: next });
    const known = withParts(state.parts, added);
    const trusted = trustedRoots(next).flatMap(({ fingerprint }) => known.get(fingerprint) ?? []);
    state = { roots: next, parts: new Map(trusted.map((root) => [root.slot.fingerprint, root])) };
    issuers.keep(trusted);
    const wanted = bundleOf(next);
    if (wanted.roots.join() !== bundle.get().roots.join()) bundle.set(wanted);
    roots.set(next);
    cancelTick();
    const wakeAt = rootWakeAt(next);
    if (wakeAt !== undefined && !disposed) cancelTick = clock.after(Math.max(wakeAt - clock.now(), 1), tick);
  };
  /** Deadlines of a compromised root are kept whether or not the disk takes it: after a restart they have passed again. */
  const tick = (): void => {
    if (rotating > 0) {
      cancelTick = clock.after(50, tick);
      return;
    }
    const next = stepped(state.roots, { kind: 'tick', now: clock.now() });
    if (next !== state.roots) {
      enact(next);
      if (started) void keep();
    } else enact(state.roots);
  };

  tick();
  const { signing } = state.roots;
  try {
    // Whoever cannot sign does not begin to serve.
    issuers.of(signing.fingerprint);
    if (state !== loaded) await keeper.save(() => state);
    else await sweepAuthority(store, state);
    started = true;
    if (state.roots !== loaded?.roots) observe({ kind: 'roots', before: loaded?.roots, now: state.roots });
  } catch (error) {
    issuers.dispose();
    cancelTick();
    throw error;
  }

  const lifeOf = (ttl: Millis = defaultLife): Millis => {
    if (ttl > 0 && ttl <= defaultLife && (ttl >= shortestLife || allowShortLives)) return ttl;
    throw cannot(`a life of ${ttl / 1_000} s is outside 5 min to 24 h`, 'choose a life between 5m and 24h');
  };
  /** `end`: the root, where it is to be sent. One that signs leaves itself is not sent twice. */
  const signed = (
    leaf: Certificate,
    { certificate, chain }: IssuingSigner,
    root: string,
    end: readonly Certificate[] = [],
  ): SignedCertificate => ({
    certificateChain: [leaf, ...[certificate, ...chain].filter(({ fingerprint }) => fingerprint !== root), ...end]
      .map((link) => link.pem)
      .join(''),
    root,
    serial: leaf.serial,
    issuedAt: clock.now(),
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  });
  const sign: Authority['sign'] = (identity, publicKey, { ttl } = {}) => {
    if (identity.trustDomain !== trustDomain) {
      throw cannot(
        `"${identity.trustDomain}" is another trust domain`,
        `this authority speaks for "${trustDomain}" only`,
      );
    }
    const root = state.roots.signing.fingerprint;
    const [id, life, issuer] = [spiffeId(identity), lifeOf(ttl), issuers.of(root)];
    const leaf = signCertificate(svidTemplate(inputFor(publicKey), id, life, issuer), issuer);
    checked(leaf, { kind: 'svid', spiffeId: id, publicKey }, issuer.certificate);
    return { identity, spiffeId: id, ...signed(leaf, issuer, root) };
  };

  return {
    trustDomain,
    bundle,
    roots,
    async rotate(asked) {
      let added: readonly TrustedRoot[] = [];
      let next = state.roots;
      rotating += 1;
      try {
        await keeper.save(() => {
          const input = inputOf(state.roots, asked, clock.now());
          const root = needsRoot(state.roots, input) ? nextRoot() : undefined;
          added = root ? [root] : [];
          next = stepped(state.roots, root && 'by' in input ? { ...input, root: root.slot } : input);
          return { roots: next, parts: withParts(state.parts, added) };
        });
        if (next !== state.roots) enact(next, added);
        return next;
      } finally {
        rotating -= 1;
      }
    },
    sign,
    issue(identity, issueOptions) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return { ...sign(identity, pair.publicKey, issueOptions), privateKey: new Secret(pkcs8(pair.privateKey)) };
    },
    issueServer(names, { ttl, root: wanted } = {}) {
      const root = state.parts.get(wanted ?? trustedRoots(state.roots)[0]?.fingerprint ?? '');
      if (root === undefined) throw cannot('its root is not trusted any more', 'weft cert list shows the roots');
      const { fingerprint } = root.slot;
      const [life, issuer, { key, input }] = [lifeOf(ttl), issuers.of(fingerprint), fresh()];
      const template = serverTemplate(input, names, life, issuer);
      const leaf = signCertificate(template, issuer);
      checked(leaf, { ...template, kind: 'server' }, issuer.certificate);
      return { ...signed(leaf, issuer, fingerprint, [root.certificate]), privateKey: new Secret(pkcs8(key)) };
    },
    info: () =>
      describeAuthority({
        trustDomain,
        roots: state.roots,
        keyPresent: (fingerprint) => state.parts.get(fingerprint)?.key !== undefined,
        issuers,
        problem: unsaved ?? (imported && isNext(imported) ? waiting : undefined),
        now: clock.now(),
      }),
    dispose() {
      disposed = true;
      cancelTick();
      issuers.dispose();
    },
  };
}

const waiting =
  'ca.root in weft.yaml names another root than the one in force; change over: weft cert rotate --root --step prepare';

function cannot(why: string, hint: string): Failure {
  return new Failure('WEFT0909', `no certificate can be issued: ${why}`, hint);
}
