import type { PeerCertificate, SecureContextOptions } from 'node:tls';
import { certificateOf } from './certificate.ts';
import { isThenable, shown } from './check.ts';

/** A certificate chain and its private key, both PEM. */
export interface ServerCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** What a server proves itself with. The certificate may change: the next handshake has the new one, open streams live on (6.5). */
export interface TlsSource {
  /**
   * Answers at once. What it answers is looked at: nothing that cannot be served starts a server, or takes the place of the certificate
   * that is in use.
   */
  get(): ServerCertificate;
  /** Calls back after each change, until the returned function is called. */
  watch(onChange: () => void): () => void;
  /**
   * PEM. Where it is given, a client certificate is asked for and verified against it. None is demanded: what comes of a call without one is
   * for `authenticate` to say. Read again after each change.
   */
  readonly clientAuthority?: string;
}

/**
 * Follows a source. Throws a TypeError where nothing could end that: it would be noticed only when the server closes. An end of the watch that
 * fails is told, and keeps no server from closing.
 */
export function follow(source: TlsSource, onChange: () => void, onFailure: (error: unknown) => void): () => void {
  const unwatch: unknown = source.watch(onChange);
  if (typeof unwatch === 'function')
    return () => {
      try {
        const ended: unknown = unwatch();
        if (isThenable(ended)) ended.then(undefined, onFailure);
      } catch (error) {
        onFailure(error);
      }
    };
  // It may be rejected, and nobody waits for it.
  if (isThenable(unwatch)) unwatch.then(undefined, () => {});
  throw new TypeError(`credentials.watch must answer with a function that ends the watch, got ${shown(unwatch)}`);
}

/** Throws as certificateOf does. TLS 1.3 only (6.4), by a setting of this server and not of the process. Tickets stay allowed: a resumed handshake costs half. */
export function secureContextOptions(source: TlsSource): SecureContextOptions {
  const { certificateChain, privateKey } = certificateOf(source);
  return {
    cert: certificateChain,
    key: privateKey,
    minVersion: 'TLSv1.3',
    ecdhCurve: 'X25519:P-256',
    ...(source.clientAuthority === undefined ? {} : { ca: source.clientAuthority }),
  };
}

/** What a handshake asks of the client. */
export function handshakeOptions(source: TlsSource) {
  return {
    requestCert: source.clientAuthority !== undefined,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  } as const;
}

/**
 * A client certificate that was verified in the handshake, in DER, as long as it is valid: a handshake that is resumed does not look at its
 * time again.
 */
export function stillValid(
  certificate: Pick<PeerCertificate, 'raw' | 'valid_to'>,
  now: number,
): Uint8Array | undefined {
  return now <= Date.parse(certificate.valid_to) ? certificate.raw : undefined;
}
