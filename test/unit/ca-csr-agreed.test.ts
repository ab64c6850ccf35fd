import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as peculiar from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, openAuthority } from '../../src/ca/authority.ts';
import { readCsr } from '../../src/ca/csr.ts';
import { decodePem, encodePem } from '../../src/ca/der.ts';
import { createCsrDesk } from '../../src/ca/issue-for-csr.ts';
import type { SignedSvid } from '../../src/ca/svid.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { Failure } from '../../src/model/failure.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { createCsrGenerator, type GeneratedCsr } from '../support/generated-csr.ts';
import { memoryStore } from '../support/memory-store.ts';

const isLong = process.env.WEFT_LONG === '1';
const [total, batch] = [isLong ? 100_000 : 1_000, 1_000];
const mutations = isLong ? 100_000 : 3_000;
const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
const id = spiffeId(identity);
const run = promisify(execFile);

/** Always the same numbers, so that a failure comes again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('generated certificate signing requests (T17)', () => {
  let dir = '';
  let authority: Authority;
  const random = mulberry(17);
  const generate = createCsrGenerator(id, random);
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'weft-csr-'));
    authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  });
  afterAll(() => {
    authority.dispose();
    rmSync(dir, { recursive: true, force: true });
  });

  it('are signed exactly if nothing is wrong with them, and every reader sees the same in what is signed', async () => {
    const svids = createSvidSource({ authority, clock: systemClock });
    let [signed, refused, compared] = [0, 0, 0];
    const every: { readonly svid: SignedSvid; readonly made: GeneratedCsr }[] = [];
    for (let done = 0; done < total; done += batch) {
      const taken: { readonly svid: SignedSvid; readonly made: GeneratedCsr }[] = [];
      for (let index = 0; index < batch; index += 1) {
        const made = generate();
        // A desk for each: here requests are judged, not counted.
        const answer = createCsrDesk({ svids, clock: systemClock }).issue(
          { identity, holder: 'reviews-1.shop' },
          made.der,
        );
        if (answer instanceof Failure) expect([answer.code, made.tricks.length > 0]).toEqual(['WEFT0305', true]);
        else {
          expect(made.tricks).toEqual([]);
          taken.push({ svid: answer, made });
        }
        const theirs = new peculiar.Pkcs10CertificateRequest(made.der);
        if (!made.tricks.includes('secp256k1') && index % 4 === 0) expect(await theirs.verify()).toBe(made.isGenuine);
      }
      signed += taken.length;
      refused += batch - taken.length;
      // Other readers are slower than ours: in the long form they look at each fifth batch.
      if ((done / batch) % 5 !== 0) continue;
      compared += taken.length;
      for (const { svid, made } of taken) await expectSame(svid, made, authority);
      await opensslAgrees(taken, join(dir, `batch-${done}`), authority);
      if (every.length < 300) every.push(...taken);
    }
    await envoyLoads(every.slice(0, 300), dir);
    expect(signed).toBeGreaterThan(total / 4);
    expect(refused).toBeGreaterThan(total / 4);
    console.log(
      `promise T17: ${total} generated CSRs: ${signed} right ones signed, ${refused} others refused, 0 wrong; ${compared} certificates read alike by openssl, Node and @peculiar/x509, 300 loaded by Envoy`,
    );
    svids.dispose();
  }, 1_800_000);

  it('openssl says of the same requests whether they are signed by their own key', async () => {
    const some = Array.from({ length: 60 }, generate)
      .filter(({ tricks }) => !tricks.includes('version'))
      .slice(0, 40);
    for (const [index, { der, isGenuine }] of some.entries()) {
      const file = join(dir, `request-${index}.pem`);
      writeFileSync(file, encodePem('CERTIFICATE REQUEST', der));
      const { stderr } = await run('openssl', ['req', '-in', file, '-noout', '-verify']).catch((error: unknown) =>
        error instanceof Error && 'stderr' in error ? { stderr: String(error.stderr) } : { stderr: '' },
      );
      expect(/verify OK/i.test(stderr)).toBe(isGenuine);
    }
  });

  it('cannot be changed in any byte, and no bytes make the reader throw', () => {
    const right = Array.from({ length: 400 }, generate).filter(({ tricks }) => tricks.length === 0);
    let taken = 0;
    for (let index = 0; index < mutations; index += 1) {
      const der = right[index % right.length]?.der ?? Buffer.of();
      const mutated = mutate(der, random);
      const answer = readCsr(mutated);
      if (!(answer instanceof Failure) && !mutated.equals(der)) taken += 1;
    }
    expect(taken).toBe(0);
    console.log(`promise T17: ${mutations} mutated requests: 0 crashes, 0 taken`);
  }, 600_000);
});

function mutate(der: Buffer, random: () => number): Buffer {
  const at = () => Math.floor(random() * der.length);
  const kind = random();
  const copy = Buffer.from(der);
  if (kind < 0.5) copy[at()] = Math.floor(random() * 256);
  else if (kind < 0.7) return copy.subarray(0, at());
  else if (kind < 0.8) return Buffer.concat([copy.subarray(0, at()), copy.subarray(at())]);
  else for (let count = 0; count < 8; count += 1) copy[at()] = Math.floor(random() * 256);
  return copy;
}

/** What Node and @peculiar/x509 read in a certificate: one URI, not an authority, one use of the key, both sides, no longer than its signer. */
async function expectSame(svid: SignedSvid, { keys }: GeneratedCsr, authority: Authority): Promise<void> {
  const [leafDer, issuerDer] = decodePem(svid.certificateChain).map(({ der }) => der);
  if (!leafDer || !issuerDer) throw new Error('the chain is incomplete');
  const [node, signer] = [new X509Certificate(leafDer), new X509Certificate(issuerDer)];
  expect([node.subjectAltName, node.ca, node.subject]).toEqual([`URI:${id}`, false, undefined]);
  expect(node.checkIssued(signer) && node.verify(signer.publicKey)).toBe(true);
  expect(node.checkPrivateKey(createPrivateKey(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })))).toBe(true);
  expect(Date.parse(node.validTo)).toBeLessThanOrEqual(authority.info().issuer.validUntil);
  const [theirs, theirSigner] = [new peculiar.X509Certificate(leafDer), new peculiar.X509Certificate(issuerDer)];
  const names = theirs
    .getExtension(peculiar.SubjectAlternativeNameExtension)
    ?.names.items.map(({ type, value }) => [type, value]);
  expect(names).toEqual([['url', id]]);
  expect(theirs.getExtension(peculiar.BasicConstraintsExtension)?.ca).toBe(false);
  expect(theirs.getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(peculiar.KeyUsageFlags.digitalSignature);
  expect(theirs.getExtension(peculiar.ExtendedKeyUsageExtension)?.usages).toEqual([
    '1.3.6.1.5.5.7.3.2',
    '1.3.6.1.5.5.7.3.1',
  ]);
  expect(theirs.extensions).toHaveLength(6);
  expect(await theirs.verify({ publicKey: theirSigner.publicKey, signatureOnly: true })).toBe(true);
}

async function opensslAgrees(
  taken: readonly { readonly svid: SignedSvid }[],
  folder: string,
  authority: Authority,
): Promise<void> {
  mkdirSync(folder);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const root = file('root.pem', authority.bundle.get().roots.join(''));
  const chain = taken[0]?.svid.certificateChain ?? '';
  const [, issuer] = decodePem(chain);
  const issuerFile = file('issuer.pem', encodePem('CERTIFICATE', issuer?.der ?? Buffer.of()));
  const leaves = taken.map(({ svid }, index) => file(`leaf-${index}.pem`, svid.certificateChain));
  for (const purpose of ['sslclient', 'sslserver']) {
    const { stdout } = await run('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      purpose,
      '-CAfile',
      root,
      '-untrusted',
      issuerFile,
      ...leaves,
    ]);
    expect(stdout.match(/: OK$/gm)).toHaveLength(taken.length);
  }
  const all = file(
    'all.pem',
    taken.map(({ svid }) => svid.certificateChain.replace(/(END CERTIFICATE-----\n)[\s\S]*/, '$1')).join(''),
  );
  const { stdout } = await run('openssl', ['storeutl', '-noout', '-text', '-certs', all], {
    maxBuffer: 100 * 1024 * 1024,
  });
  const count = (pattern: RegExp) => stdout.match(pattern)?.length ?? 0;
  expect([
    count(/^Certificate:$/gm),
    count(/URI:/g),
    count(new RegExp(`^ +URI:${id}$`, 'gm')),
    count(/CA:FALSE/g),
    count(/Key Usage: critical\n +Digital Signature\n/g),
    count(
      /TLS Web Client Authentication, TLS Web Server Authentication|TLS Web Server Authentication, TLS Web Client Authentication/g,
    ),
    count(/CA:TRUE|DNS:|IP Address:/g),
  ]).toEqual([...Array<number>(6).fill(taken.length), 0]);
  rmSync(folder, { recursive: true, force: true });
}

/** Each as the certificate of a server, with its key. */
async function envoyLoads(
  taken: readonly { readonly svid: SignedSvid; readonly made: GeneratedCsr }[],
  dir: string,
): Promise<void> {
  const inline = (text: string) => ({ inline_string: text });
  const proxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'x',
    cluster: 'x',
  };
  const chains = taken.map(({ svid, made }, index) => ({
    filter_chain_match: { server_names: [`n${index}.example`] },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
        common_tls_context: {
          tls_certificates: [
            {
              certificate_chain: inline(svid.certificateChain),
              private_key: inline(made.keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
            },
          ],
        },
      },
    },
    filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: proxy }],
  }));
  const listener = {
    name: 'x',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    listener_filters: [
      {
        name: 'envoy.filters.listener.tls_inspector',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
        },
      },
    ],
    filter_chains: chains,
  };
  const path = join(dir, 'envoy.json');
  writeFileSync(
    path,
    JSON.stringify({ static_resources: { listeners: [listener], clusters: [{ name: 'x', type: 'STATIC' }] } }),
  );
  const { stdout } = await run(await envoyPath(), ['--mode', 'validate', '-l', 'warning', '-c', path]);
  expect(stdout).toContain('OK');
}
