import type { RouteMatch, TextMatch } from '../model/ir-route.ts';
import { re2Matches } from '../policy/re2-match.ts';
import type { Mismatch } from './mismatch.ts';
import { splitQuery } from './request-path.ts';

/** A request as the routes of a sidecar see it. */
export interface SeenRequest {
  readonly method: string;
  readonly authority: string;
  readonly scheme: string;
  /** Path and query, after P47. */
  readonly path: string;
  /** By lower-case name, in the order sent. A condition asks for one of them that fits; of a missing one there is none. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/**
 * P11, P12: the first condition of a match that a request does not meet; undefined: all hold. Agrees with Envoy 1.40 on what
 * translation makes of the match, which test/property/routes-envoy.test.ts shows.
 */
export function requestMismatch(match: RouteMatch, request: SeenRequest): Mismatch | undefined {
  return (
    pathMismatch(match.path, splitQuery(request.path).path) ??
    textMismatch(['method'], match.method, request.method) ??
    textMismatch(['authority'], match.authority, request.authority) ??
    textMismatch(['scheme'], match.scheme, request.scheme) ??
    headerMismatch(match.headers, request) ??
    queryMismatch(match.query, splitQuery(request.path).query)
  );
}

/** Whether a value meets a condition on text. */
export function matchesText(match: TextMatch, value: string): boolean {
  switch (match.kind) {
    case 'exact':
      return value === match.value;
    case 'prefix':
      return value.startsWith(match.value);
    case 'suffix':
      return value.endsWith(match.value);
    case 'regex':
      return re2Matches(match.value, value);
    case 'present':
      return true;
    default:
      return match satisfies never;
  }
}

function pathMismatch(path: RouteMatch['path'], got: string): Mismatch | undefined {
  if (path === undefined) return undefined;
  const { kind, value, ignoreCase } = path;
  const fold = (text: string) => (ignoreCase ? asciiLower(text) : text);
  if (matchesText({ kind, value: kind === 'regex' ? value : fold(value) }, fold(got))) return undefined;
  const wanted = wantedText({ kind, value });
  return { field: ['uri'], wanted: ignoreCase ? `${wanted}, whatever its case` : wanted, got };
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function textMismatch(
  field: readonly string[],
  match: TextMatch | undefined,
  got: string | undefined,
): Mismatch | undefined {
  if (match === undefined || (got !== undefined && matchesText(match, got))) return undefined;
  return { field, wanted: wantedText(match), got };
}

function headerMismatch(headers: RouteMatch['headers'], request: SeenRequest): Mismatch | undefined {
  for (const { name, match, absent } of headers) {
    // HTTP/1 calls the authority a header.
    const values = name === 'host' ? [request.authority] : (request.headers.get(name) ?? []);
    const got = values.length === 0 ? undefined : values.join(', ');
    if (!absent) {
      if (values.some((value) => matchesText(match, value))) continue;
      return { field: ['headers', name], wanted: wantedText(match), got };
    }
    // A proxy reads a missing one as empty (P12); that it may be missing is an alternative of its own.
    const read = values.length === 0 && match.kind !== 'present' ? [''] : values;
    if (read.some((value) => matchesText(match, value)))
      return { field: ['withoutHeaders', name], wanted: unwantedText(match), got };
  }
  return undefined;
}

/** Of a parameter that comes several times the first one counts; nothing is decoded. */
function queryMismatch(query: RouteMatch['query'], got: string): Mismatch | undefined {
  if (query.length === 0) return undefined;
  const values = new Map<string, string>();
  for (const part of got.slice(1).split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!values.has(name)) values.set(name, equals < 0 ? '' : part.slice(equals + 1));
  }
  for (const { name, match } of query) {
    const mismatch = textMismatch(['queryParams', name], match, values.get(name));
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function wantedText(match: TextMatch): string {
  switch (match.kind) {
    case 'exact':
      return `is ${JSON.stringify(match.value)}`;
    case 'prefix':
      return `begins with ${JSON.stringify(match.value)}`;
    case 'suffix':
      return `ends with ${JSON.stringify(match.value)}`;
    case 'regex':
      return `matches ${JSON.stringify(match.value)} as a whole`;
    case 'present':
      return 'is there';
    default:
      return match satisfies never;
  }
}

function unwantedText(match: TextMatch): string {
  return match.kind === 'present' ? 'is not there' : `is not one that ${wantedText(match)}`;
}
