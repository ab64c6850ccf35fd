import { Failure } from '../model/failure.ts';
import type { Secret } from '../model/secret.ts';
import { isLoopback } from './locate-control-plane.ts';

export interface ApiOptions {
  readonly url: URL;
  /** Absent: loopback may be allowed to read without one (section 3.1 of experience.md). */
  readonly token: Secret<string> | undefined;
  /** For one call, in milliseconds. */
  readonly timeout: number;
}

/** The JSON API of the control plane. Every call rejects with a Failure: WEFT0901, WEFT0902, or the code of the answer. */
export interface ApiClient {
  get(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
  delete(path: string): Promise<unknown>;
}

export function createApiClient(options: ApiOptions): ApiClient {
  return {
    get: (path) => call(options, 'GET', path),
    post: (path, body) => call(options, 'POST', path, body),
    delete: (path) => call(options, 'DELETE', path),
  };
}

async function call(options: ApiOptions, method: string, path: string, body?: object): Promise<unknown> {
  const { url, token, timeout } = options;
  const headers = {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token.expose()}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  let status: number;
  let text: string;
  try {
    const response = await fetch(new URL(path, url), {
      method,
      headers,
      // A redirect would carry the credential elsewhere.
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw unreachable(url, error, timeout);
  }
  const answer = parsed(text);
  if (status >= 200 && status < 300) {
    if (text === '' || answer !== undefined) return answer;
    throw new Failure(
      'WEFT0901',
      `${url.host} does not answer in JSON`,
      'is --cp the admin API (port 15014)?',
      url.href,
    );
  }
  throw refusalOf(status, answer, url, token !== undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const nobodyListens = 'nothing listens there';

/** Whether it is that nobody listens at the address, or not yet. */
export function isUnheard(error: unknown): error is Failure {
  return error instanceof Failure && error.code === 'WEFT0901' && error.message.endsWith(nobodyListens);
}

/** fetch says only "fetch failed"; what happened is its cause. */
function unreachable(url: URL, error: unknown, timeout: number): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const late = error instanceof Error && error.name === 'TimeoutError';
  const words = cause instanceof Error ? cause.message : String(cause);
  const problem =
    code === 'ECONNREFUSED' ? nobodyListens : late ? `no answer within ${timeout} ms` : words || String(code);
  const answered = code !== 'ECONNREFUSED' && !late;
  if (answered && (url.port === '15012' || isOtherProtocol(code, words)))
    return new Failure(
      'WEFT0901',
      `${url.host} is not the address of the API: ${url.port === '15012' ? 'it is the xDS port, for sidecars' : 'what answers there does not speak its protocol'}`,
      isLoopback(url.hostname)
        ? `name the API, port 15014 by default: --cp http://${url.hostname}:15014`
        : `the API listens on loopback there (15014 by default): ssh -L 15014:127.0.0.1:15014 ${url.hostname}, then leave --cp out`,
      url.href,
    );
  return new Failure(
    'WEFT0901',
    `the control plane at ${url.host} cannot be reached: ${problem}`,
    'start it with "weft up" (weft status --wait waits for one that has just been), or name the right one with --cp or WEFT_CP',
    url.href,
  );
}

/** OpenSSL's words are about its own source lines; a certificate that nobody here vouches for has a code of its own. */
function isOtherProtocol(code: unknown, words: string): boolean {
  return (
    (typeof code === 'string' && /^ERR_SSL|^EPROTO$|CERT|UNABLE_TO|^HPE_|^UND_ERR_SOCKET$|^ECONNRESET$/.test(code)) ||
    words.includes('SSL routines')
  );
}

/** The API's own words where it has some, `{code,message,hint}`. */
function refusalOf(status: number, answer: unknown, url: URL, hadToken: boolean): Failure {
  const said = (name: string) => {
    const value =
      typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>)[name] : undefined;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const code = said('code');
  const ownCode = code !== undefined && /^WEFT\d{4}$/.test(code) ? code : undefined;
  const message = said('message');
  if (status === 401 || status === 403)
    return new Failure(
      ownCode ?? 'WEFT0902',
      message ?? (hadToken ? 'the credential does not allow this' : 'the control plane wants a credential'),
      said('hint') ??
        'run it in the folder where "weft up" runs (its credential is in the state dir), or say --token-file',
      url.href,
    );
  return new Failure(
    ownCode ?? 'WEFT0911',
    message ?? `the control plane at ${url.host} answered ${status}`,
    said('hint') ?? 'is it of the same version? its log tells more',
    url.href,
  );
}
