import { ServerCredentials } from '@grpc/grpc-js';

/** A certificate chain and its private key, both PEM. */
export interface ServerCertificate {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** Where the newest certificate is found; its watcher is called after each change. */
export interface CertificateSource {
  get(): ServerCertificate;
  watch(onChange: () => void): () => void;
}

/**
 * TLS 1.3 for a grpc-js server, with a certificate that changes without a restart: the next handshake has the new one,
 * streams live on (reliability.md 6.4, 6.5). Written over the public base class: the version is then a setting of this
 * server and not of the process, and the provider of grpc-js 1.14.7, which takes its arguments in the wrong order, is
 * not needed. With `clientAuthority` (PEM) a client certificate is asked for, but not demanded.
 */
export function createRotatingCredentials(source: CertificateSource, clientAuthority?: string): RotatingCredentials {
  return new RotatingCredentials(source, clientAuthority);
}

export class RotatingCredentials extends ServerCredentials {
  readonly #unwatch: () => void;

  constructor(source: CertificateSource, clientAuthority: string | undefined) {
    super(
      { requestCert: clientAuthority !== undefined, rejectUnauthorized: false, minVersion: 'TLSv1.3' },
      contextOptions(source.get(), clientAuthority),
    );
    this.#unwatch = source.watch(() => this.updateSecureContextOptions(contextOptions(source.get(), clientAuthority)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  /** Stops following the source. */
  close(): void {
    this.#unwatch();
  }
}

function contextOptions(certificate: ServerCertificate, clientAuthority: string | undefined) {
  return {
    cert: certificate.certificateChain,
    key: certificate.privateKey,
    minVersion: 'TLSv1.3' as const,
    ...(clientAuthority === undefined ? {} : { ca: clientAuthority }),
  };
}
