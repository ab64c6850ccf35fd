import type { PathNormalization } from '../model/ir-mesh.ts';
import type { SeenRequest } from './request-match.ts';
import { routedPath } from './request-path.ts';

/** A request as a program sends it to its sidecar. */
export interface SentRequest {
  readonly method: string;
  /** What `Host` says, or the URL behind HTTP_PROXY, which goes before it: with the port, where the program writes one. */
  readonly authority: string;
  readonly path: string;
  /** Of the URL behind HTTP_PROXY, or of HTTP/2; absent: nothing says it. */
  readonly scheme?: string;
  /** In order; a name may come several times, in any case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** What the sidecar answers by itself, before it looks at any route. */
export interface RefusedRequest {
  readonly refused: 400 | 404;
  readonly why: string;
}

/** What routes see of a request, as Envoy 1.40 makes it. */
export function seenRequest(sent: SentRequest, normalization: PathNormalization): SeenRequest | RefusedRequest {
  const wrong = sent.headers.find(([, value]) => controls.test(value));
  if (wrong !== undefined)
    return { refused: 400, why: `${JSON.stringify(wrong[1])} is no value of a header: it holds a control character` };
  if (!hostCharacters.test(sent.authority))
    return { refused: 400, why: `${JSON.stringify(sent.authority)} is no host of HTTP` };
  const path = routedPath(sent.path, normalization);
  if (path === undefined) return refusedPath(sent);
  const headers = seenHeaders(sent.headers);
  const told = headers.get('x-forwarded-proto')?.[0];
  if (told === '') return { refused: 404, why: 'x-forwarded-proto is there and empty' };
  // The sidecar gives every request these two before it looks at routes.
  if (told === undefined) headers.set('x-forwarded-proto', ['http']);
  if (!headers.get('x-request-id')?.[0]) headers.set('x-request-id', [someId]);
  const scheme = sent.scheme ?? (told !== undefined && /^https?$/i.test(told) ? told : 'http');
  return { method: sent.method, authority: sent.authority, scheme, path, headers };
}

const hostCharacters = /^[\w!$%&'()*+,\-.:;=@[\]~]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for; a tab is none of them.
const controls = /[\x00-\x08\x0a-\x1f\x7f]/;

function refusedPath({ method, path }: SentRequest): RefusedRequest {
  const written = JSON.stringify(path);
  if (path === '*' && method === 'OPTIONS') return { refused: 404, why: '"*" is under no prefix: no rule fits it' };
  if (!path.startsWith('/')) return { refused: 400, why: `${written} is no path of HTTP: paths begin with "/"` };
  if (path.includes('#')) return { refused: 400, why: `${written} is no path of HTTP: programs keep what follows "#"` };
  return { refused: 400, why: `${written} is no path of HTTP: blanks, and what is not ASCII, are written %20, %C3%A9` };
}

const someId = '00000000-0000-4000-8000-000000000000';

/** Those of which Envoy makes one text, separated by commas; what is empty goes. Of any other, each value stands for itself. */
export const joinedHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'authentication',
  'authorization',
  'cache-control',
  'cdn-loop',
  'content-encoding',
  'content-type',
  'expect',
  'grpc-accept-encoding',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'pragma',
  'proxy-status',
  'referer',
  'user-agent',
  'via',
  'x-client-trace-id',
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-external-address',
  'x-envoy-is-timeout-retry',
  'x-envoy-original-host',
  'x-envoy-original-path',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-request-id',
]);

/** Those that no route sees: they are about the connection, or only proxies may say them. */
export const droppedHeaders: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-internal',
  'x-envoy-ip-tags',
  'x-envoy-max-retries',
  'x-envoy-original-url',
  'x-envoy-retriable-header-names',
  'x-envoy-retriable-status-codes',
  'x-envoy-retry-grpc-on',
  'x-envoy-retry-on',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-stream-duration-ms',
  'x-forwarded-client-cert',
]);

/** Blanks around a value are none of it: HTTP/1 drops them, and rules pass over those of HTTP/2 (decision 65). */
function withoutBlanks(text: string): string {
  return text.replace(/^[ \t]+|(?<![ \t])[ \t]+$/g, '');
}

function seenHeaders(sent: SentRequest['headers']): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>();
  for (const [written, text] of sent) {
    const name = written.toLowerCase();
    const value = withoutBlanks(text);
    if (droppedHeaders.has(name)) continue;
    const before = headers.get(name);
    if (before === undefined) headers.set(name, [value]);
    else if (joinedHeaders.has(name)) headers.set(name, [[...before, value].filter((each) => each !== '').join(',')]);
    else headers.set(name, [...before, value]);
  }
  return headers;
}
