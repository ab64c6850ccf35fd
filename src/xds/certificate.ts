import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { check, isThenable } from './check.ts';
import { serverCertificate } from './option-kinds.ts';
import type { ServerCertificate, TlsSource } from './tls-source.ts';

/**
 * What a source answers with now, looked at, since TLS takes a server without a certificate for one that offers none, and then every
 * handshake fails in silence. Throws an error that names the field, what was found and what to do; of a key it shows nothing.
 */
export function certificateOf(source: TlsSource): ServerCertificate {
  const answer = asked(source);
  if (isThenable(answer)) {
    // It may be rejected, and nobody waits for it.
    answer.then(undefined, () => {});
    throw wrong('must answer at once, got a promise: read the certificate first, and have watch tell of a newer one');
  }
  if (typeof answer === 'object' && answer !== null && 'clientAuthority' in answer)
    throw wrong('"clientAuthority" stands beside "get" and "watch" in credentials, not in what get answers');
  check('credentials.get()', answer, serverCertificate, '', 'the answer');
  const { certificateChain, privateKey } = answer;
  const [first] = certificatesIn(certificateChain, 'certificateChain');
  if (first?.checkPrivateKey(keyIn(privateKey)) !== true)
    throw wrong(
      `"privateKey" does not belong to the first certificate of "certificateChain" (${oneLine(first?.subject)})`,
    );
  const { clientAuthority } = source;
  if (clientAuthority !== undefined) requireAuthorities(certificatesIn(clientAuthority, 'clientAuthority'));
  // What else TLS may have against it, a key that is too short for example.
  attempt(() => createSecureContext({ cert: certificateChain, key: privateKey }), 'cannot be served');
  return { certificateChain, privateKey };
}

function asked(source: TlsSource): ServerCertificate {
  try {
    return source.get();
  } catch (cause) {
    throw new Error(`credentials.get() threw: ${wordsOf(cause)}`, { cause });
  }
}

const beginning = '-----BEGIN CERTIFICATE-----';

function certificatesIn(pem: string, field: string): readonly X509Certificate[] {
  const blocks = pem.split(/(?=-----BEGIN CERTIFICATE-----)/).filter((block) => block.startsWith(beginning));
  if (blocks.length === 0) throw wrong(`"${field}" must be ${pemWords('certificates', beginning)}, got ${sizeOf(pem)}`);
  return blocks.map((block, index) =>
    attempt(() => new X509Certificate(block), `certificate ${index + 1} of "${field}" cannot be read`),
  );
}

/** A certificate that signs itself is trusted as it is, CA or not; any other without CA:TRUE would be taken for no certificate of any client. */
function requireAuthorities(certificates: readonly X509Certificate[]): void {
  for (const [index, { ca, subject, issuer }] of certificates.entries())
    if (!ca && subject !== issuer) {
      const which = `certificate ${index + 1} of "clientAuthority" (${oneLine(subject)})`;
      throw wrong(
        `${which} is of no authority (no CA:TRUE), so no client could be verified against it: give that of its issuer (${oneLine(issuer)})`,
      );
    }
}

function keyIn(pem: string): KeyObject {
  if (!pem.includes('-----BEGIN ')) {
    const words = pemWords('a private key', '-----BEGIN PRIVATE KEY-----');
    throw wrong(`"privateKey" must be ${words}, got ${sizeOf(pem)}`);
  }
  return attempt(() => createPrivateKey(pem), '"privateKey" cannot be read (it must have no passphrase)');
}

function pemWords(what: string, begins: string): string {
  return `${what} in PEM, "${begins}…": what stands in the file, not its path`;
}

/** Nothing of the text itself: it may be a key. */
function sizeOf(text: string): string {
  return `a text of ${text.length} characters`;
}

function attempt<Made>(make: () => Made, problem: string): Made {
  try {
    return make();
  } catch (cause) {
    throw wrong(`${problem}: ${wordsOf(cause)}`);
  }
}

function wrong(words: string): TypeError {
  return new TypeError(`credentials.get(): ${words}`);
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function oneLine(subject = ''): string {
  return subject.replaceAll('\n', ', ');
}
