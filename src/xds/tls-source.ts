import type { SecureContextOptions } from 'node:tls';

/** A certificate chain and its private key, both PEM. */
export interface ServerCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** What a server proves itself with. The certificate may change: the next handshake has the new one, open streams live on (6.5). */
export interface TlsSource {
  get(): ServerCertificate;
  /** Calls back after each change, until the returned function is called. */
  watch(onChange: () => void): () => void;
  /** PEM. Where it is given, a client certificate is asked for; it is not demanded, and `authenticate` has to judge it. */
  readonly clientAuthority?: string;
}

/** TLS 1.3 only (6.4), by a setting of this server and not of the process. Tickets stay allowed: a resumed handshake costs half. */
export function secureContextOptions(source: TlsSource): SecureContextOptions {
  const { certificateChain, privateKey } = source.get();
  return {
    cert: certificateChain,
    key: privateKey,
    minVersion: 'TLSv1.3',
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
