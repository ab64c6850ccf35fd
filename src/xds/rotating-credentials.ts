import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { follow, handshakeOptions, secureContextOptions, type TlsSource } from './tls-source.ts';

/**
 * TLS 1.3 for a grpc-js server, with a certificate that changes without a restart (reliability.md 6.4, 6.5). Written over the public base
 * class: the version is then a setting of this server and not of the process, and the provider of grpc-js 1.14.7, which takes its
 * arguments in the wrong order, is not needed.
 */
export class RotatingCredentials extends ServerCredentials {
  readonly #unwatch: () => void;

  /** `handshakeTimeout` in milliseconds. */
  constructor(source: TlsSource, handshakeTimeout: number, onFailure: (error: unknown) => void) {
    super({ ...handshakeOptions(source), handshakeTimeout }, secureContextOptions(source));
    const onChange = (): void => {
      try {
        const options = secureContextOptions(source);
        // Throws where grpc-js would only write a line to stderr.
        createSecureContext(options);
        this.updateSecureContextOptions(options);
      } catch (error) {
        onFailure(error);
      }
    };
    this.#unwatch = follow(source, onChange, onFailure);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }

  /** Stops following the source. */
  close(): void {
    this.#unwatch();
  }
}
