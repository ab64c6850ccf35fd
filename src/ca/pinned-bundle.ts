import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import { controlPlaneName } from './certificate-template.ts';
import { encodePem } from './der.ts';

export interface PinnedBundleOptions {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the root's DER, lower-case hex: what a token carries. */
  readonly fingerprint: string;
  /** Absent: `xds.weft`. */
  readonly serverName?: string;
  /** For each of the two handshakes; absent: 5 s. */
  readonly timeout?: Millis;
}

/**
 * Gets the root certificate (PEM) of the control plane that a token names, over TLS 1.3 from its xDS port: a first handshake
 * takes what is presented and looks for the pinned root in it, a second one lets TLS itself verify chain and name under that root
 * alone (T18: no chain is verified in JavaScript). Nothing is sent before that. Throws Failure WEFT0901 (cannot be reached, or
 * speaks no TLS 1.3), WEFT0915 (another CA, or a certificate that does not hold).
 */
export async function fetchPinnedBundle(options: PinnedBundleOptions): Promise<string> {
  const place = isIP(options.host) === 6 ? `[${options.host}]:${options.port}` : `${options.host}:${options.port}`;
  const presented = await handshake(options, place, { rejectUnauthorized: false }, (socket) =>
    chainOf(socket.getPeerCertificate(true)),
  );
  const root = presented.find((der) => sha256(der) === options.fingerprint);
  if (root === undefined) {
    const last = presented.at(-1);
    throw new Failure(
      'WEFT0915',
      `${place} is not the control plane that made this token: its root is ${last ? short(sha256(last)) : 'missing'}, the token names ${short(options.fingerprint)}`,
      'check the address (weft cert list shows the roots of a control plane); if its root was rotated or replaced since, or it has a new state dir, make a new token there: weft token create --service NAME --namespace NAMESPACE',
      place,
    );
  }
  const pem = encodePem('CERTIFICATE', root);
  await handshake(options, place, { ca: [pem], rejectUnauthorized: true }, () => undefined);
  return pem;
}

function handshake<T>(
  options: PinnedBundleOptions,
  place: string,
  trust: Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized'>,
  take: (socket: TLSSocket) => T,
): Promise<T> {
  const { host, port, serverName = controlPlaneName, timeout = 5_000 } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      servername: serverName,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      ...trust,
    });
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
      socket.destroy();
    };
    const fail = (code: string, message = ''): void => finish(() => reject(refusal(code, message, place)));
    const timer = setTimeout(() => fail('TIMEOUT', `no answer in ${timeout / 1_000} s`), timeout);
    socket.once('secureConnect', () => finish(() => resolve(take(socket))));
    socket.once('close', () => fail('CLOSED'));
    // Stays for as long as the socket lives: a reset after the last word is nobody's concern.
    socket.on('error', (error) => {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
      fail(code, error.message);
    });
  });
}

/** DER of the presented chain, leaf first; Node links each certificate to its issuer, a root to itself. */
function chainOf(leaf: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  let current: DetailedPeerCertificate | undefined = leaf;
  while (current?.raw !== undefined && !chain.some((der) => der.equals(current?.raw ?? Buffer.of()))) {
    chain.push(current.raw);
    current = current.issuerCertificate;
  }
  return chain;
}

function refusal(code: string, message: string, place: string): Failure {
  const reach = (what: string, hint: string) => new Failure('WEFT0901', `${place}: ${what}`, hint, place);
  const portHint = 'name the xDS port of the control plane (15012 by default)';
  switch (code) {
    case 'ECONNREFUSED':
      return reach('nobody listens there', 'start the control plane (weft up, or weft server), or correct the address');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return reach('the host name cannot be resolved', 'correct the host name, or check DNS');
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return reach('there is no route to that host', 'check address, network and firewall');
    case 'TIMEOUT':
    case 'ETIMEDOUT':
      return reach(`TLS was not established: ${message || 'timed out'}`, `check address and firewall, and ${portHint}`);
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return reach('what answers does not speak TLS', portHint);
    case 'CLOSED':
    case 'ECONNRESET':
    case 'EPIPE':
      return reach('it closed the connection during the TLS handshake', portHint);
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL_120':
      return reach('it speaks no TLS 1.3 with HTTP/2, so it is not a Weft control plane', portHint);
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return new Failure(
        'WEFT0915',
        `the certificate of ${place} is not valid now (${code})`,
        'compare the clocks of both machines; restart the control plane if its certificate has ended',
        place,
      );
    default:
      if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || /^(UNABLE_|SELF_SIGNED|DEPTH_ZERO|CERT_|INVALID_)/.test(code)) {
        return new Failure(
          'WEFT0915',
          `${place} shows the right root, but its own certificate does not hold under it (${code})`,
          'someone may stand between; check the address, then restart the control plane',
          place,
        );
      }
      return reach(`TLS failed (${code})`, portHint);
  }
}

function sha256(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

function short(fingerprint: string): string {
  return `sha256:${fingerprint.slice(0, 16)}..`;
}
