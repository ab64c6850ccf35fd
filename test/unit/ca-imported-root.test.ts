import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { type Certificate, readCertificates, subjectAltNames } from '../../src/ca/certificate.ts';
import { type CertificateTemplate, issuerTemplate, rootTemplate } from '../../src/ca/certificate-template.ts';
import { type ImportedFiles, readImportedRoot } from '../../src/ca/imported-root.ts';
import { type Signer, signCertificate } from '../../src/ca/sign-certificate.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { memoryStore } from '../support/memory-store.ts';

const trustDomain = 'demo.mesh';
const identity = { trustDomain, namespace: 'shop', serviceAccount: 'reviews' };
const now = Date.now();
const day = 86_400_000;

/** An authority of a company: nothing in it speaks of Weft or SPIFFE, unless `change` does. */
function company(kind: 'ec' | 'p384' | 'rsa', above?: Signer, change: Partial<CertificateTemplate> = {}): Signer {
  const pair =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : generateKeyPairSync('ec', { namedCurve: kind === 'ec' ? 'P-256' : 'P-384' });
  const serial = Buffer.from(generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })).subarray(
    -16,
  );
  const input = { publicKey: pair.publicKey, serial, now };
  const base = above ? issuerTemplate(input, trustDomain, above.certificate) : rootTemplate(input, trustDomain);
  const template = {
    ...base,
    commonName: `Example ${serial.toString('hex')}`,
    uris: [],
    dnsNames: ['example'],
    pathLength: 3,
    ...change,
  };
  return { key: pair.privateKey, certificate: signCertificate(template, above ?? pair.privateKey) };
}
const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' = 'pkcs8') => key.export({ type, format: 'pem' }).toString();
const text = (...certificates: readonly Signer[]) => certificates.map(({ certificate }) => certificate.pem).join('');
const read = (files: ImportedFiles) => readImportedRoot(files, trustDomain, now);
const open = async (files: ImportedFiles, store = memoryStore()) => ({
  store,
  authority: await openAuthority({ store, clock: systemClock, trustDomain, imported: await read(files) }),
});
const chainOf = (pemText: string): readonly Certificate[] => readCertificates(pemText);

describe('a CA from outside', () => {
  const root = company('rsa');
  const policy = company('p384', root, { pathLength: 1 });
  const issuing = company('ec', policy, { pathLength: 0 });
  const files = { root: text(root), certificate: text(issuing, policy), key: pem(issuing.key) };

  it('may be an issuing certificate with its chain, the key of the root offline (X116)', async () => {
    const { authority, store } = await open(files);
    const svid = authority.issue(identity);
    expect(chainOf(svid.certificateChain).slice(1)).toEqual([
      expect.objectContaining({ fingerprint: issuing.certificate.fingerprint }),
      expect.objectContaining({ fingerprint: policy.certificate.fingerprint }),
    ]);
    expect(authority.bundle.get().roots).toEqual([root.certificate.pem]);
    expect(authority.info()).toMatchObject({
      root: { fingerprint: root.certificate.fingerprint, keyPresent: false },
      roots: [{ source: 'imported', isSigning: true }],
    });
    expect(authority.info().problem).toBeUndefined();
    const server = chainOf(authority.issueServer({ dnsNames: [], ipAddresses: [] }).certificateChain);
    expect(server.at(-1)?.fingerprint).toBe(root.certificate.fingerprint);
    expect(server).toHaveLength(4);
    const info = authority.info();
    authority.dispose();
    expect([...store.content.keys()].some((key) => key.startsWith('ca/roots/'))).toBe(false);
    // Without its files it is the same after a restart.
    const again = await openAuthority({ store, clock: systemClock, trustDomain });
    expect(again.info()).toEqual(info);
    again.dispose();
  });

  it.each(['ec', 'p384', 'rsa'] as const)(
    'may be a root with its key (%s), and Weft makes its issuers',
    async (kind) => {
      const own = company(kind);
      const { authority, store } = await open({ root: text(own), key: pem(own.key) });
      const [leaf, issuer, ...more] = chainOf(authority.issue(identity).certificateChain);
      expect(more).toEqual([]);
      expect(issuer && subjectAltNames(issuer).uris).toEqual(['spiffe://demo.mesh']);
      expect(leaf?.issuer.equals(issuer?.subject ?? Buffer.of())).toBe(true);
      const info = authority.info();
      authority.dispose();
      const again = await openAuthority({ store, clock: systemClock, trustDomain });
      expect(again.info()).toEqual(info);
      again.dispose();
    },
  );

  it('signs leaves with the root itself where nothing may stand between', async () => {
    const own = company('ec', undefined, { pathLength: 0 });
    const { authority } = await open({ root: text(own), key: pem(own.key, 'sec1') });
    expect(chainOf(authority.issue(identity).certificateChain)).toHaveLength(1);
    expect(chainOf(authority.issueServer({ dnsNames: [], ipAddresses: [] }).certificateChain)).toHaveLength(2);
    authority.dispose();
  });

  it('lets nothing outlive what stands above it, whichever ends first', async () => {
    const soon = company('ec', root, { notAfter: now + 3_600_000, pathLength: 1 });
    const late = company('ec', soon, { notAfter: now + 400 * day });
    const { authority } = await open({ root: text(root), certificate: text(late, soon), key: pem(late.key) });
    expect(authority.issue(identity).notAfter).toBe(soon.certificate.notAfter);
    expect(authority.info().alarms).toEqual([]);
    authority.dispose();
    const ending = company('ec', root, { notAfter: now + 5 * day });
    const { authority: alarmed } = await open({ root: text(root), certificate: text(ending), key: pem(ending.key) });
    expect(alarmed.info().alarms).toMatchObject([{ code: 'WEFT0302', what: 'issuer', endsWithinDays: 7 }]);
    alarmed.dispose();
  });

  it('is followed by another issuing certificate at the start, and by another root in three steps', async () => {
    const { authority, store } = await open(files);
    authority.dispose();
    const successor = company('ec', policy);
    const renewed = await open({ ...files, certificate: text(successor, policy), key: pem(successor.key) }, store);
    expect(renewed.authority.info().issuer.fingerprint).toBe(successor.certificate.fingerprint);
    expect(renewed.authority.roots.get().phase).toBe('steady');
    await expect(renewed.authority.rotate({ kind: 'prepare', by: 'test' })).rejects.toMatchObject({ code: 'WEFT0306' });
    renewed.authority.dispose();
    const other = company('ec');
    const next = await open({ root: text(other), key: pem(other.key) }, store);
    expect(next.authority.info().problem).toContain('weft cert rotate --root --step prepare');
    expect(next.authority.info().root.fingerprint).toBe(root.certificate.fingerprint);
    await next.authority.rotate({ kind: 'prepare', by: 'test' });
    expect(next.authority.bundle.get().roots).toEqual([root.certificate.pem, other.certificate.pem]);
    await next.authority.rotate({ kind: 'activate', pending: () => [] });
    await next.authority.rotate({ kind: 'finish', pending: () => [] });
    expect(next.authority.info()).toMatchObject({
      root: { fingerprint: other.certificate.fingerprint, keyPresent: true },
    });
    expect(next.authority.issue(identity).root).toBe(other.certificate.fingerprint);
    next.authority.dispose();
  });

  const leafPair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { pathLength: _, ...leafTemplate } = rootTemplate(
    { publicKey: leafPair.publicKey, serial: Buffer.alloc(16, 3), now },
    trustDomain,
  );
  const leafAsCa: Signer = {
    key: leafPair.privateKey,
    certificate: signCertificate({ ...leafTemplate, notAfter: now + day, usages: ['client', 'server'] }, root),
  };
  const tooDeep = company('ec', issuing, { notAfter: now + day });
  const past = company('ec', root, { notBefore: now - 2 * day, notAfter: now - day });
  const future = company('ec', root, { notBefore: now + day, notAfter: now + 2 * day });
  const serverOnly = company('ec', root, { usages: ['server'] });
  const bad: readonly (readonly [string, ImportedFiles, string])[] = [
    ['no root', { ...files, root: '' }, 'ca.root holds no certificate'],
    ['two roots', { ...files, root: text(root, company('ec')) }, 'exactly one'],
    ['a root that is none', { ...files, root: text(policy) }, 'not a root'],
    ['the key of another', { ...files, key: pem(policy.key) }, 'not the key of'],
    ['no key', { ...files, key: 'CANARY' }, 'no private key'],
    [
      'a weak key',
      { root: text(company('ec')), key: pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey) },
      'less than 2048',
    ],
    ['an Ed25519 key', { ...files, key: pem(generateKeyPairSync('ed25519').privateKey) }, 'no private key'],
    ['a chain with a gap', { ...files, certificate: text(issuing) }, 'not signed by the next'],
    [
      'a chain in another order',
      { ...files, certificate: text(policy, issuing), key: pem(policy.key) },
      'not signed by the next',
    ],
    ['another root', { ...files, root: text(company('ec')) }, 'not signed by the next'],
    [
      'an issuing certificate that has ended',
      { root: text(root), certificate: text(past), key: pem(past.key) },
      'not valid now',
    ],
    ['one of tomorrow', { root: text(root), certificate: text(future), key: pem(future.key) }, 'not valid now'],
    [
      'a leaf that signs',
      { root: text(root), certificate: text(leafAsCa), key: pem(leafAsCa.key) },
      'TLS does not believe',
    ],
    [
      'more authorities than its path allows',
      { root: text(root), certificate: text(tooDeep, issuing, policy), key: pem(tooDeep.key) },
      'TLS does not believe',
    ],
    [
      'one that may sign servers only',
      { root: text(root), certificate: text(serverOnly), key: pem(serverOnly.key) },
      'TLS does not believe',
    ],
  ];
  it.each(bad)('is refused with %s', async (_, broken, words) => {
    const failure = await read(broken).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'WEFT0307' });
    expect(String(failure)).toContain(words);
    expect(String(failure)).not.toContain('CANARY');
  });
});
