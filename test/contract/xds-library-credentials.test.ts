import { createPrivateKey, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { createXdsServer, type ServerCertificate, type TlsSource } from '../../src/xds/library.ts';
import { eventually } from '../conformance/xds-fixture.ts';
import { issued, selfSigned } from '../support/self-signed.ts';

const [one, two] = [selfSigned('one.example'), selfSigned('two.example')];
const good: ServerCertificate = { certificateChain: one.certificate, privateKey: one.key };
const encrypted = createPrivateKey(one.key).export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'p',
});

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

/** What somebody writes who has no types. */
async function start(answer: () => unknown, transport: 'http2' | 'grpc-js', more: object = {}) {
  const failures: string[] = [];
  const watchers: (() => void)[] = [];
  const credentials = { get: answer, watch: (changed: () => void) => [() => {}, watchers.push(changed)][0], ...more };
  const server = await createXdsServer({
    address: '127.0.0.1',
    port: 0,
    transport,
    credentials: credentials as TlsSource,
    authenticate: () => ({ ok: undefined }),
    open: () => ({ ok: 'snapshots' }),
    observe: (event) => event.kind === 'failed' && failures.push(String(event.error)),
  });
  closing.push(server.close);
  return { server, failures, changed: () => watchers.map((watcher) => watcher()) };
}

/** The subject of the certificate that a handshake shows. */
const shown = (port: number) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).subject);
      socket.destroy();
    });
  });

const pemWords = 'in PEM, "-----BEGIN CERTIFICATE-----…": what stands in the file, not its path';
const wrongs: readonly (readonly [what: string, answer: () => unknown, words: string | RegExp])[] = [
  [
    'a misspelt field',
    () => ({ certChain: one.certificate, privateKey: one.key }),
    'unknown name "certChain": did you mean "certificateChain"?',
  ],
  [
    'the names of node:tls',
    () => ({ cert: one.certificate, key: one.key }),
    'unknown name "cert": did you mean "certificateChain"?; unknown name "key": did you mean "privateKey"?',
  ],
  [
    'a whole one, and a misspelt field',
    () => ({ ...good, certChain: one.certificate }),
    'unknown name "certChain": did you mean "certificateChain"?',
  ],
  [
    'a whole one, and more',
    () => ({ ...good, ocsp: '' }),
    'unknown name "ocsp": there are certificateChain, privateKey',
  ],
  [
    'an authority for clients',
    () => ({ ...good, clientAuthority: one.certificate }),
    '"clientAuthority" stands beside "get" and "watch" in credentials, not in what get answers',
  ],
  ['half of it', () => ({ certificateChain: one.certificate }), /^"privateKey" is missing: a text in PEM, as readFile/],
  ['nothing', () => undefined, 'the answer must be an object with certificateChain and privateKey, got undefined'],
  [
    'a promise',
    async () => good,
    'must answer at once, got a promise: read the certificate first, and have watch tell of a newer one',
  ],
  [
    'a promise that is rejected',
    () => Promise.reject(new Error('nobody waits for it')),
    /^must answer at once, got a promise/,
  ],
  [
    'bytes',
    () => ({ ...good, certificateChain: Buffer.from(one.certificate) }),
    `"certificateChain" must be a text in PEM, as readFileSync(file, "utf8") gives it, got ${one.certificate.length} bytes`,
  ],
  [
    'the name of a file',
    () => ({ ...good, certificateChain: 'certs/server.crt' }),
    `"certificateChain" must be certificates ${pemWords}, got a text of 16 characters`,
  ],
  [
    'a key that is none',
    () => ({ ...good, privateKey: 'hunter2' }),
    '"privateKey" must be a private key in PEM, "-----BEGIN PRIVATE KEY-----…": what stands in the file, not its path, got a text of 7 characters',
  ],
  [
    'a certificate cut in half',
    () => ({ ...good, certificateChain: one.certificate.slice(0, 300) }),
    /^certificate 1 of "certificateChain" cannot be read: /,
  ],
  [
    'a second certificate that is broken',
    () => ({ ...good, certificateChain: `${one.certificate}${two.certificate.slice(0, 300)}` }),
    /^certificate 2 of "certificateChain" cannot be read: /,
  ],
  [
    'a key with a passphrase',
    () => ({ ...good, privateKey: encrypted }),
    /^"privateKey" cannot be read \(it must have no passphrase\): /,
  ],
  [
    'the key of another',
    () => ({ ...good, privateKey: two.key }),
    '"privateKey" does not belong to the first certificate of "certificateChain" (CN=test root of one.example)',
  ],
];

describe.each(['http2', 'grpc-js'] as const)('credentials.get on %s', (transport) => {
  test.each(wrongs)('%s starts no server', async (_what, answer, words) => {
    const refusal = await start(answer, transport).then(
      () => 'it started',
      (error: unknown) => String(error),
    );
    const [, said] = /^TypeError: credentials\.get\(\): (.*)$/.exec(refusal) ?? [refusal, refusal];
    if (typeof words === 'string') expect(said).toBe(words);
    else expect(said).toMatch(words);
  });

  test('a get that throws is named, and so is what it threw', async () => {
    const broken = () => {
      throw new Error('ENOENT: no such file');
    };
    await expect(start(broken, transport)).rejects.toThrow('credentials.get() threw: ENOENT: no such file');
  });

  test('an authority for clients that is none', async () => {
    await expect(start(() => good, transport, { clientAuthority: 'ca.pem' })).rejects.toThrow(
      `credentials.get(): "clientAuthority" must be certificates ${pemWords}, got a text of 6 characters`,
    );
  });

  test('an authority for clients that is the certificate of one of them, beside one that is', async () => {
    const clientAuthority = one.certificate + issued('client.example', one);
    await expect(start(() => good, transport, { clientAuthority })).rejects.toThrow(
      'credentials.get(): certificate 2 of "clientAuthority" (CN=client.example) is of no authority (no CA:TRUE), so no client could be verified against it: give that of its issuer (CN=test root of one.example)',
    );
    await start(() => good, transport, { clientAuthority: one.certificate + two.certificate });
  });

  test.each([
    ['nothing', () => undefined, 'undefined'],
    ['a promise', async () => () => {}, 'a promise: await it'],
    ['a promise that is rejected', () => Promise.reject(new Error('nobody waits for it')), 'a promise: await it'],
  ])('a watch that answers with %s starts no server', async (_what, watch, words) => {
    await expect(start(() => good, transport, { watch })).rejects.toThrow(
      new TypeError(`credentials.watch must answer with a function that ends the watch, got ${words}`),
    );
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no such watch');
      },
    ],
    ['is rejected', () => Promise.reject(new Error('no such watch'))],
  ])('a watch whose end %s is told, and the server closes all the same', async (_how, end) => {
    const { server, failures } = await start(() => good, transport, { watch: () => end });
    const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    socket.on('error', () => {});
    socket.resume();
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    await server.close();
    await gone;
    expect(failures).toEqual(['Error: no such watch']);
  });

  test('the answer of get may be an object of a class', async () => {
    class Pair {
      get certificateChain() {
        return one.certificate;
      }
      get privateKey() {
        return one.key;
      }
    }
    const { server } = await start(() => new Pair(), transport);
    expect(await shown(server.port)).toBe('CN=test root of one.example');
  });

  test('a bad one that comes later is told as failed, and the last good one stays until the next', async () => {
    let answer: unknown = good;
    const { server, failures, changed } = await start(() => answer, transport);
    const say = (next: unknown) => {
      answer = next;
      changed();
    };
    say({ certChain: two.certificate, privateKey: two.key });
    say(Promise.reject(new Error('nobody waits for it')));
    say({ ...good, privateKey: two.key });
    await eventually(() => failures.length === 3, 'every bad one is told');
    expect(failures[0]).toBe(
      'TypeError: credentials.get(): unknown name "certChain": did you mean "certificateChain"?',
    );
    expect(failures[1]).toContain('got a promise');
    expect(failures[2]).toContain('"privateKey" does not belong');
    expect(await shown(server.port)).toBe('CN=test root of one.example');
    say({ certificateChain: two.certificate, privateKey: two.key });
    expect(await shown(server.port)).toBe('CN=test root of two.example');
    expect(failures).toHaveLength(3);
  });
});
