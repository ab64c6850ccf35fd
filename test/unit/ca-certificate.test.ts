import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Authority, openAuthority } from '../../src/ca/authority.ts';
import { type Certificate, readCertificate, readCertificates, subjectKeyId } from '../../src/ca/certificate.ts';
import {
  type CertificateTemplate,
  issuerTemplate,
  rootTemplate,
  svidTemplate,
} from '../../src/ca/certificate-template.ts';
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
import { type Signer, signCertificate } from '../../src/ca/sign-certificate.ts';
import type { Svid } from '../../src/ca/svid.ts';
import { validateCertificate } from '../../src/ca/validate-certificate.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { memoryStore } from '../support/memory-store.ts';

const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
const id = spiffeId(identity);
const now = Date.UTC(2026, 5, 1);
const hour = 3_600_000;

function keys(serial = Buffer.alloc(16, 7)) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: pair.privateKey, input: { publicKey: pair.publicKey, serial, now } };
}
const rootKeys = keys();
const root: Signer = {
  key: rootKeys.key,
  certificate: signCertificate(rootTemplate(rootKeys.input, 'demo.mesh'), rootKeys.key),
};
const issuerKeys = keys();
const issuer: Signer = {
  key: issuerKeys.key,
  certificate: signCertificate(issuerTemplate(issuerKeys.input, 'demo.mesh', root.certificate), root),
};
const leafTemplate = svidTemplate(keys().input, id, hour, issuer.certificate);
const leaf = signCertificate(leafTemplate, issuer);
const problemsOf = (certificate: Certificate, signer = issuer) =>
  validateCertificate(certificate, { kind: 'svid', spiffeId: id }, signer.certificate);

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

describe('what others make of the chain', () => {
  let dir = '';
  let authority: Authority;
  let svid: Svid;
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const openssl = (...args: readonly string[]): string =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
  const verdict = (rootPem: string, chain: string, leafPem: string, ...more: readonly string[]): string => {
    try {
      const files = [
        '-CAfile',
        file('root.pem', rootPem),
        '-untrusted',
        file('chain.pem', chain),
        file('leaf.pem', leafPem),
      ];
      return openssl('verify', '-x509_strict', ...more, ...files);
    } catch (error) {
      return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    }
  };
  beforeAll(async () => {
    authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
    svid = authority.issue(identity);
  });
  afterAll(() => authority.dispose());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-ca-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('openssl verifies it for both purposes and prints what it should say', () => {
    const [leafPem = '', issuerPem = ''] = readCertificates(svid.certificateChain).map(
      (certificate) => certificate.pem,
    );
    const [rootPem = ''] = authority.bundle.get().roots;
    expect(verdict(rootPem, issuerPem, leafPem, '-purpose', 'sslserver')).toContain('OK');
    expect(verdict(rootPem, issuerPem, leafPem, '-purpose', 'sslclient')).toContain('OK');
    const text = openssl('x509', '-in', join(dir, 'leaf.pem'), '-noout', '-text');
    expect(text).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(text).toContain('URI:spiffe://demo.mesh/ns/shop/sa/reviews');
    expect(text).toContain('X509v3 Subject Alternative Name: critical');
    expect(text).toContain('CA:FALSE');
    expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/TLS Web Client Authentication, TLS Web Server Authentication/);
    const signerText = openssl('x509', '-in', join(dir, 'chain.pem'), '-noout', '-text');
    expect(signerText).toContain('CA:TRUE, pathlen:0');
    expect(signerText).toMatch(/X509v3 Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    const keyFile = file('key.pem', svid.privateKey.expose());
    expect(openssl('pkey', '-in', keyFile, '-pubout')).toBe(
      openssl('x509', '-in', join(dir, 'leaf.pem'), '-noout', '-pubkey'),
    );
  });

  it('openssl refuses bad chains: no or wrong signer, leaf as authority, expired, wrong purpose', () => {
    const fresh = (when: number) => ({ ...keys().input, now: when });
    const base = { rootPem: root.certificate.pem, issuerPem: issuer.certificate.pem };
    const at = ['-attime', String(now / 1_000)];
    const good = signCertificate(svidTemplate(fresh(now), id, hour, issuer.certificate), issuer);
    expect(verdict(base.rootPem, base.issuerPem, good.pem, ...at)).toContain('OK');
    expect(verdict(base.rootPem, root.certificate.pem, good.pem, ...at)).toContain('unable to get local issuer');
    const childKeys = keys();
    const asSigner = {
      key: childKeys.key,
      certificate: signCertificate({ ...leafTemplate, publicKey: childKeys.input.publicKey }, issuer),
    };
    const below = signCertificate(svidTemplate(fresh(now), id, hour, asSigner.certificate), asSigner);
    expect(verdict(base.rootPem, base.issuerPem + asSigner.certificate.pem, below.pem, ...at)).toMatch(
      /invalid CA|error/,
    );
    // Another serial gives another name: a certificate that bears its signer's name would not count for the length.
    const secondKeys = keys(Buffer.alloc(16, 9));
    const second = signCertificate({ ...issuerTemplate(secondKeys.input, 'demo.mesh', root.certificate) }, issuer);
    const deep = signCertificate(svidTemplate(fresh(now), id, hour, second), {
      key: secondKeys.key,
      certificate: second,
    });
    expect(verdict(base.rootPem, base.issuerPem + second.pem, deep.pem, ...at)).toContain('path length constraint');
    expect(verdict(base.rootPem, base.issuerPem, good.pem, '-attime', String(now / 1_000 + 7_200))).toContain(
      'expired',
    );
    const serverOnly = signCertificate({ ...leafTemplate, usages: ['server'] }, issuer);
    expect(verdict(base.rootPem, base.issuerPem, serverOnly.pem, ...at, '-purpose', 'sslclient')).toContain('purpose');
    const forged = signCertificate(leafTemplate, { ...issuer, key: keys().key });
    expect(verdict(base.rootPem, base.issuerPem, forged.pem, ...at)).toContain('signature');
  });

  it('Node reads the same: names, dates, key, chain by key identifiers', () => {
    const [leafOf, issuerOf] = readCertificates(svid.certificateChain);
    const [rootOf] = readCertificates(authority.bundle.get().roots[0] ?? '');
    if (!leafOf || !issuerOf || !rootOf) throw new Error('the chain is incomplete');
    const [a, b, c] = [leafOf, issuerOf, rootOf].map((certificate) => new X509Certificate(certificate.der));
    if (!a || !b || !c) throw new Error('the chain is incomplete');
    expect(a.subjectAltName).toBe(`URI:${svid.spiffeId}`);
    expect([a.ca, b.ca, c.ca]).toEqual([false, true, true]);
    expect([a.checkIssued(b), b.checkIssued(c), c.checkIssued(c)]).toEqual([true, true, true]);
    expect([a.verify(b.publicKey), b.verify(c.publicKey), c.verify(c.publicKey)]).toEqual([true, true, true]);
    expect(a.checkPrivateKey(createPrivateKey(svid.privateKey.expose()))).toBe(true);
    expect(Date.parse(a.validTo)).toBe(leafOf.notAfter);
    expect(createHash('sha256').update(c.raw).digest('hex')).toBe(authority.info().root.fingerprint);
    expect(subjectKeyId(leafOf)).not.toBe(subjectKeyId(issuerOf));
    expect(sign('sha256', Buffer.from('x'), svid.privateKey.expose()).length).toBeGreaterThan(60);
  });

  it('Envoy loads leaf, issuer, key and bundle', async () => {
    const inline = (text: string) => ({ inline_string: text });
    const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
    const context = {
      '@type': type,
      require_client_certificate: true,
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: inline(svid.certificateChain), private_key: inline(svid.privateKey.expose()) },
        ],
        validation_context: { trusted_ca: inline(authority.bundle.get().roots.join('')) },
      },
    };
    const proxy = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'x',
      cluster: 'x',
    };
    const listener = {
      name: 'x',
      address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
      filter_chains: [
        {
          transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
          filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }],
        },
      ],
    };
    const config = { static_resources: { listeners: [listener], clusters: [{ name: 'x', type: 'STATIC' }] } };
    const path = file('envoy.json', JSON.stringify(config));
    const output = execFileSync(await envoyPath(), ['--mode', 'validate', '-l', 'warning', '-c', path], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(output).toContain('OK');
  });
});
