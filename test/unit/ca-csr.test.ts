import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { readCertificates, subjectAltNames } from '../../src/ca/certificate.ts';
import { readCsr } from '../../src/ca/csr.ts';
import { nothing } from '../../src/ca/der.ts';
import { createCsrDesk } from '../../src/ca/issue-for-csr.ts';
import { oid } from '../../src/ca/object-ids.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { writeCsr } from '../../src/ca/write-csr.ts';
import { Failure } from '../../src/model/failure.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { altNames, csrOf, csrTricks, ecdsa, uri, wish } from '../support/csr-tricks.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
const id = spiffeId(identity);
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const verdict = (der: Uint8Array): string => {
  const read = readCsr(der);
  return read instanceof Failure ? `${read.code} ${read.message}` : 'taken';
};

describe('certificate signing requests', () => {
  it('are taken as weft run writes them, with and without a name', () => {
    const read = readCsr(writeCsr(pair, id));
    expect(read).toMatchObject({ spiffeId: id });
    expect(!(read instanceof Failure) && read.publicKey.equals(pair.publicKey)).toBe(true);
    expect(readCsr(writeCsr(pair))).not.toHaveProperty('spiffeId');
  });

  it.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), ecdsa(oid.ecdsaWithSha384), 'sha384'],
    ['RSA 2048', generateKeyPairSync('rsa', { modulusLength: 2_048 }), ecdsa(oid.rsaWithSha256, nothing()), 'sha256'],
    ['RSA 3072', generateKeyPairSync('rsa', { modulusLength: 3_072 }), ecdsa(oid.rsaWithSha512, nothing()), 'sha512'],
  ] as const)('may have a %s key', (_, keys, algorithm, digest) => {
    const der = csrOf({ keys, algorithm, digest, attributes: [wish(altNames(uri(id)))] });
    expect(verdict(der)).toBe('taken');
  });

  const good = writeCsr(pair, id);
  it.each(csrTricks(id))('are refused with %s (T17)', (_, der, words) => {
    expect(verdict(der)).toContain('WEFT0305');
    expect(verdict(der)).toContain(words);
  });

  it('that name another workload are refused; the count is per identity, and comes back', async () => {
    const clock = createJumpingClock();
    const authority = await openAuthority({ store: memoryStore(), clock, trustDomain: 'demo.mesh' });
    const svids = createSvidSource({ authority, clock, random: () => 0.5 });
    const desk = createCsrDesk({ svids, clock });
    const caller = { identity, holder: 'reviews-1.shop', address: '127.0.0.1' };
    const other = { ...caller, identity: { ...identity, serviceAccount: 'payments' } };
    expect(desk.issue(other, good)).toMatchObject({
      code: 'WEFT0305',
      message: expect.stringContaining('it asks for spiffe://demo.mesh/ns/shop/sa/reviews, its credential is for'),
    });
    const svid = desk.issue(caller, good);
    if (svid instanceof Failure) throw svid;
    const [leaf, issuer] = readCertificates(svid.certificateChain);
    expect(leaf && subjectAltNames(leaf).uris).toEqual([id]);
    expect(leaf?.publicKey.equals(pair.publicKey)).toBe(true);
    expect(issuer?.fingerprint).toBe(authority.info().issuer.fingerprint);
    expect(svid.renewAt).toBe(clock.now() + 12 * 3_600_000);
    expect(JSON.stringify(svid)).not.toContain('PRIVATE');
    expect([...svids.signed()].map(([holder, { serial }]) => [holder, serial])).toEqual([
      ['reviews-1.shop', svid.serial],
    ]);
    const answers = Array.from({ length: 25 }, () => desk.issue(caller, good));
    expect(answers.filter((answer) => answer instanceof Failure)).toHaveLength(6);
    expect(desk.issue(other, writeCsr(pair))).not.toBeInstanceOf(Failure);
    clock.advance(6_000);
    expect(desk.issue(caller, good)).not.toBeInstanceOf(Failure);
    expect(desk.issue(caller, good)).toBeInstanceOf(Failure);
    clock.advance(24 * 3_600_000);
    expect(svids.signed().size).toBe(0);
  });
});
