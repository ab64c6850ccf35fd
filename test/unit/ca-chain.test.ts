import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Authority, openAuthority } from '../../src/ca/authority.ts';
import { readCertificates, subjectKeyId } from '../../src/ca/certificate.ts';
import { issuerTemplate, svidTemplate } from '../../src/ca/certificate-template.ts';
import { signCertificate } from '../../src/ca/sign-certificate.ts';
import type { Svid } from '../../src/ca/svid.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { memoryStore } from '../support/memory-store.ts';
import { hour, id, identity, issuer, keys, leafTemplate, now, root } from '../support/written-leaf.ts';

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
