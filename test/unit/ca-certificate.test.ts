import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { type Certificate, readCertificate } from '../../src/ca/certificate.ts';
import { type CertificateTemplate, issuerTemplate, svidTemplate } from '../../src/ca/certificate-template.ts';
import {
  childrenOf,
  contentOf,
  decodeDer,
  decodePem,
  encodeDer,
  encodePem,
  time,
  unsignedInteger,
} from '../../src/ca/der.ts';
import { ipBytes } from '../../src/ca/ip-bytes.ts';
import { signCertificate } from '../../src/ca/sign-certificate.ts';
import { validateCertificate } from '../../src/ca/validate-certificate.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { memoryStore } from '../support/memory-store.ts';
import {
  hour,
  id,
  identity,
  issuer,
  keys,
  leaf,
  leafTemplate,
  now,
  problemsOf,
  root,
} from '../support/written-leaf.ts';

describe('traps of writing certificates (performance.md section 3)', () => {
  it('keeps bit strings as bytes when a public key passes through the decoder', () => {
    const der = keys().input.publicKey.export({ type: 'spki', format: 'der' });
    const [, bits] = childrenOf(decodeDer(der));
    expect(typeof bits?.value).toBe('string');
    expect(bits && contentOf(bits)).toHaveLength(66);
    expect(encodeDer(decodeDer(der))).toEqual(der);
  });

  it('writes the ECDSA algorithm without NULL, inside and beside the signed part', () => {
    const plain = '300a06082a8648ce3d040302';
    expect(leaf.signatureAlgorithms.map((bytes) => bytes.toString('hex'))).toEqual([plain, plain]);
  });

  it.each([
    ['00000000000000000000000000000000', '020100'],
    ['00000000000000000000000000000001', '020101'],
    ['00000000000000000000000000000080', '02020080'],
    ['0000007f000000000000000000000000', '020d7f000000000000000000000000'],
    ['ff00000000000000000000000000000f', '021100ff00000000000000000000000000000f'],
    ['ffffffffffffffffffffffffffffffff', '021100ffffffffffffffffffffffffffffffff'],
    ['00008000000000000000000000000000', '020f008000000000000000000000000000'],
  ])('writes the serial %s positive and minimal', (bytes, der) => {
    expect(encodeDer(unsignedInteger(Buffer.from(bytes, 'hex'))).toString('hex')).toBe(der);
  });

  it('gives every certificate 128 random bits of serial', async () => {
    const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
    const serials = Array.from({ length: 300 }, () => authority.issue(identity).serial);
    authority.dispose();
    expect(new Set(serials).size).toBe(300);
    expect(serials.some((serial) => /^00[89a-f]/.test(serial) && serial.length === 34)).toBe(true);
    expect(serials.every((serial) => BigInt(`0x${serial}`) > 1n << 80n)).toBe(true);
  });

  it('makes the names critical exactly if the subject is empty', () => {
    const critical = (certificate: Certificate) =>
      certificate.extensions.find((extension) => extension.id === '2.5.29.17')?.critical;
    expect(leaf.subject.toString('hex')).toBe('3000');
    expect(critical(leaf)).toBe(true);
    expect(critical(issuer.certificate)).toBe(false);
    expect(critical(root.certificate)).toBe(false);
  });

  it('changes from UTCTime to GeneralizedTime in 2050', () => {
    expect(encodeDer(time(Date.UTC(2049, 11, 31, 23, 59, 59))).toString('latin1')).toContain('491231235959Z');
    expect(encodeDer(time(Date.UTC(2050, 0, 1))).toString('latin1')).toContain('20500101000000Z');
  });

  it('uses node-forge for DER and PEM alone (T18)', () => {
    const sources = readdirSync('src/ca').map((name) => [name, readFileSync(join('src/ca', name), 'utf8')] as const);
    expect(sources.filter(([, text]) => text.includes("'node-forge'")).map(([name]) => name)).toEqual(['der.ts']);
    const parts = readFileSync('src/ca/der.ts', 'utf8').matchAll(/\bforge\.(\w+)/g);
    expect(new Set([...parts].map((part) => part[1]))).toEqual(new Set(['asn1', 'pem']));
  });

  it('reads its own PEM again, with LF and lines of 64', () => {
    const pem = encodePem('CERTIFICATE', leaf.der);
    expect(pem).not.toContain('\r');
    expect(Math.max(...pem.split('\n').map((line) => line.length))).toBe(64);
    expect(decodePem(pem)[0]?.der).toEqual(leaf.der);
  });

  it.each([
    ['127.0.0.1', '7f000001'],
    ['::1', '00000000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['2001:db8::7:8', '20010db8000000000000000000070008'],
    ['::ffff:10.1.2.3', '00000000000000000000ffff0a010203'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['fe80::1%eth0', undefined],
    ['localhost', undefined],
  ])('writes the address %s as bytes', (text, hex) => {
    expect(ipBytes(text)?.toString('hex')).toBe(hex);
  });
});

describe('what a leaf says', () => {
  it('is back-dated five minutes and never outlives its signer', () => {
    expect(leaf.notBefore).toBe(now - 300_000);
    expect(leaf.notAfter).toBe(now + hour);
    const late = { ...keys().input, now: issuer.certificate.notAfter - 60_000 };
    expect(svidTemplate(late, id, hour, issuer.certificate).notAfter).toBe(issuer.certificate.notAfter);
    expect(issuer.certificate.notAfter).toBe(now + 365 * 24 * hour);
    expect(
      issuerTemplate({ ...keys().input, now: root.certificate.notAfter - hour }, 'demo.mesh', root.certificate)
        .notAfter,
    ).toBe(root.certificate.notAfter);
  });

  it('passes its own validation, as does every certificate above it', () => {
    expect(problemsOf(leaf)).toEqual([]);
    expect(
      validateCertificate(issuer.certificate, { kind: 'issuer', trustDomain: 'demo.mesh' }, root.certificate),
    ).toEqual([]);
    expect(validateCertificate(root.certificate, { kind: 'root', trustDomain: 'demo.mesh' }, root.certificate)).toEqual(
      [],
    );
  });

  const changed: readonly (readonly [string, Partial<CertificateTemplate>, string])[] = [
    ['another identity', { uris: ['spiffe://demo.mesh/ns/shop/sa/payments'] }, 'names'],
    ['two identities', { uris: [id, 'spiffe://demo.mesh/ns/shop/sa/payments'] }, 'names'],
    ['no identity', { uris: [] }, 'names'],
    ['a DNS name beside it', { dnsNames: ['xds.weft'] }, 'names'],
    ['an address beside it', { ipAddresses: ['10.0.0.1'] }, 'names'],
    ['the powers of an authority', { pathLength: 0 }, 'CA=false'],
    ['no client usage', { usages: ['server'] }, 'extended key usage'],
    ['no extended usage', { usages: [] }, 'extended key usage'],
    ['a life beyond its signer', { notAfter: issuer.certificate.notAfter + 1_000 }, 'outlives'],
    ['an end before its start', { notAfter: leafTemplate.notBefore }, 'ends before'],
    ['a zero serial', { serial: Buffer.alloc(16) }, 'serial'],
    ['a P-384 key', { publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey }, 'P-256'],
  ];
  it.each(changed)('is refused with %s (T17)', (_, change, words) => {
    const wrong = signCertificate({ ...leafTemplate, ...change }, issuer);
    expect(problemsOf(wrong).join('; ')).toContain(words);
  });

  it('is refused when signed by another key, or under another name', () => {
    const stranger = keys().key;
    expect(problemsOf(signCertificate(leafTemplate, { ...issuer, key: stranger })).join()).toContain('signature');
    const foreign = problemsOf(signCertificate(leafTemplate, root)).join('; ');
    expect(foreign).toContain('another issuer');
    expect(foreign).toContain('signature');
  });

  it('cannot be changed in any byte without being refused or unreadable', () => {
    let refused = 0;
    for (let index = 0; index < leaf.der.length; index += 1) {
      const mutated = Buffer.from(leaf.der);
      mutated[index] = (mutated[index] ?? 0) ^ 0x01;
      try {
        if (problemsOf(readCertificate(mutated)).length > 0) refused += 1;
      } catch {
        refused += 1;
      }
    }
    expect(refused).toBe(leaf.der.length);
  });
});
