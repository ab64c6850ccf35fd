import { compareText } from '../model/compare-text.ts';
import type { RouteMatch, TextMatch } from '../model/ir-route.ts';
import type { HttpMatch, StringMatch } from '../model/virtual-service.ts';

/** The conditions of one HTTP match that are left for the request itself (P12); all must hold. */
export function routeMatch(match: HttpMatch | undefined): RouteMatch {
  if (match === undefined) return { headers: [], query: [] };
  const { method, authority, scheme } = match;
  const path = pathMatch(match);
  return {
    ...(path && { path }),
    ...(method && { method: textOf(method) }),
    ...(authority && { authority: textOf(authority) }),
    ...(scheme && { scheme: textOf(scheme) }),
    headers: [
      ...named(match.headers).map(([name, text]) => ({ name: name.toLowerCase(), match: textOf(text), absent: false })),
      ...named(match.withoutHeaders).map(([name, text]) => ({
        name: name.toLowerCase(),
        match: textOf(text),
        absent: true,
      })),
    ].sort((a, b) => compareText(a.name, b.name) || Number(a.absent) - Number(b.absent)),
    query: named(match.queryParams).map(([name, text]) => ({ name, match: textOf(text) })),
  };
}

/**
 * The same request conditions as alternatives that a proxy can judge. A header left out by `withoutHeaders` passes where it is missing,
 * and a proxy reads a missing one as empty text: where the condition fits that, being missing is an alternative of its own (P12).
 */
export function alternatives(match: RouteMatch): readonly RouteMatch[] {
  let lists: readonly RouteMatch['headers'][] = [[]];
  for (const header of match.headers) {
    const ways = header.absent && mayFitEmpty(header.match) ? [missing(header.name), header] : [header];
    lists = lists.flatMap((list) => ways.map((way) => [...list, way]));
  }
  return lists.map((headers) => ({ ...match, headers }));
}

function missing(name: string): RouteMatch['headers'][number] {
  return { name, match: { kind: 'present' }, absent: true };
}

/** Whether the empty text may satisfy a condition. For an expression "yes" is safe; written text never becomes a RegExp here (T12). */
function mayFitEmpty(match: TextMatch): boolean {
  if (match.kind === 'present') return false;
  if (match.kind !== 'regex') return match.value === '';
  // Without groups, classes, escapes, alternatives and counts, a letter or digit that no `*` or `?` follows must be there.
  return /[([|\\{]/.test(match.value) || !/[A-Za-z0-9](?![*?])/.test(match.value);
}

/** P11: nothing after this match can be reached. Every path begins with a slash. */
export function matchesEverything(match: RouteMatch): boolean {
  const { path, method, authority, scheme, headers, query } = match;
  if (method ?? authority ?? scheme) return false;
  if (headers.length > 0 || query.length > 0) return false;
  return path === undefined || (path.kind === 'prefix' && (path.value === '/' || path.value === ''));
}

/** `ignoreUriCase` covers exact and prefix only (P12); a path that only has to be present always is. */
function pathMatch({ uri, ignoreUriCase }: HttpMatch): RouteMatch['path'] {
  if (uri === undefined || uri.kind === 'present') return undefined;
  return { kind: uri.kind, value: uri.value, ignoreCase: ignoreUriCase && uri.kind !== 'regex' };
}

/** A condition of a policy as one of a decision. */
export function textOf(match: StringMatch): TextMatch {
  return match.kind === 'present' ? { kind: 'present' } : { kind: match.kind, value: match.value };
}

function named(matches: Readonly<Record<string, StringMatch>>): readonly (readonly [string, StringMatch])[] {
  return Object.entries(matches).sort(([a], [b]) => compareText(a, b));
}
