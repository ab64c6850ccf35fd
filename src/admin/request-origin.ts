import { Failure } from '../model/failure.ts';

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** What is looked at of a request before anything else; `localPort` is that of its socket. */
export interface RequestOrigin {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  readonly localPort: number | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/**
 * Refuses what a page of another site could send (T22): a Host that is not a loopback name with this listener's port (DNS rebinding),
 * a target or an Origin other than this listener, and state changes that the browser itself calls cross-site. Throws Failure WEFT0922.
 */
export function requireOwnOrigin(request: RequestOrigin): void {
  const authority = request.host?.toLowerCase() ?? '';
  if (!isOwnAuthority(authority, request.localPort)) {
    throw refuse(`the Host header ${JSON.stringify(authority)} is not an address of this listener`);
  }
  const [, absolute] = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(request.target) ?? [];
  // An absolute target goes before the Host header (RFC 9112, 3.2.2).
  if (absolute !== undefined && absolute.toLowerCase() !== authority) {
    throw refuse(
      `the target of the request names ${JSON.stringify(absolute)}, its Host header ${JSON.stringify(authority)}`,
    );
  }
  const { origin } = request;
  if (origin !== undefined && origin.toLowerCase() !== `http://${authority}`) {
    throw refuse(`requests from the origin ${JSON.stringify(origin)} are not accepted`);
  }
  const own = request.fetchSite === undefined || request.fetchSite === 'same-origin' || request.fetchSite === 'none';
  if (request.method !== 'GET' && !own) throw refuse('a page of another site may not change anything here');
}

function isOwnAuthority(authority: string, localPort: number | undefined): boolean {
  const [, name = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority) ?? [];
  // Without a port in the header it is 80, as a request that never passed a socket (a test) has.
  return loopbackNames.has(name) && Number(port ?? 80) === (localPort ?? 80);
}

function refuse(message: string): Failure {
  return new Failure(
    'WEFT0922',
    message,
    'address it as localhost or 127.0.0.1 with its port; from elsewhere go through ssh -L with the same port',
  );
}

/** True for an address of this machine itself. */
export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address);
}
