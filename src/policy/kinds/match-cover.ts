import { isDeepStrictEqual } from 'node:util';
import type { HttpMatch, StringMatch } from '../../model/virtual-service.ts';

/** Whether every request meets a match. */
export function isUnconditional(match: HttpMatch): boolean {
  const maps = [match.headers, match.withoutHeaders, match.queryParams, match.sourceLabels];
  const single = [match.method, match.authority, match.scheme, match.port, match.sourceNamespace];
  return (
    isAnyPath(match.uri) &&
    single.every((value) => value === undefined) &&
    maps.every((map) => Object.keys(map).length === 0)
  );
}

/** Whether both match by the same conditions; what they are called is no condition. */
export function sameMatch(a: HttpMatch, b: HttpMatch | undefined): boolean {
  const conditions = ({ name: _, statPrefix: _stat, ...match }: HttpMatch) => match;
  return b !== undefined && isDeepStrictEqual(conditions(a), conditions(b));
}

/**
 * Whether each request that meets `b` meets `a`, too (P11, P12), as far as the conditions say so one by one: expressions are compared as
 * texts, so that false says nothing.
 */
export function matchCovers(a: HttpMatch, b: HttpMatch): boolean {
  return (
    pathCovers(a, b) &&
    (['method', 'authority', 'scheme'] as const).every((name) => covers(a[name], b[name])) &&
    (['port', 'sourceNamespace'] as const).every((name) => a[name] === undefined || a[name] === b[name]) &&
    Object.entries(a.sourceLabels).every(([name, value]) => b.sourceLabels[name] === value) &&
    mapCovers(lowered(a.headers), lowered(b.headers)) &&
    mapCovers(a.queryParams, b.queryParams) &&
    // What is asked to be missing: who leaves out more takes less.
    excludesNoMore(lowered(a.withoutHeaders), lowered(b.withoutHeaders))
  );
}

function isAnyPath(uri: StringMatch | undefined): boolean {
  if (uri === undefined || uri.kind === 'present') return true;
  const everything = uri.kind === 'prefix' ? ['', '/'] : uri.kind === 'regex' ? ['.*', '/.*'] : [];
  return everything.includes(uri.value);
}

function pathCovers(a: HttpMatch, b: HttpMatch): boolean {
  if (isAnyPath(a.uri)) return true;
  if (!a.ignoreUriCase) return !b.ignoreUriCase && covers(a.uri, b.uri);
  return covers(inLowerCase(a.uri), inLowerCase(b.uri));
}

/** Of expressions case is kept: they say themselves how they read it. */
function inLowerCase(condition: StringMatch | undefined): StringMatch | undefined {
  if (condition === undefined || condition.kind === 'present' || condition.kind === 'regex') return condition;
  return { kind: condition.kind, value: condition.value.toLowerCase() };
}

function covers(a: StringMatch | undefined, b: StringMatch | undefined): boolean {
  if (a === undefined) return true;
  if (b === undefined) return false;
  if (a.kind === 'present' || isDeepStrictEqual(a, b)) return true;
  // An empty exact value is for Envoy what is missing, too.
  if (a.kind !== 'prefix' || (b.kind !== 'exact' && b.kind !== 'prefix')) return false;
  return b.value !== '' && b.value.startsWith(a.value);
}

type Conditions = Readonly<Record<string, StringMatch>>;

function mapCovers(a: Conditions, b: Conditions): boolean {
  return Object.entries(a).every(([name, condition]) => Object.hasOwn(b, name) && covers(condition, b[name]));
}

function excludesNoMore(a: Conditions, b: Conditions): boolean {
  return Object.entries(a).every(([name, condition]) => Object.hasOwn(b, name) && covers(b[name], condition));
}

/** Names of headers have no case. */
function lowered(conditions: Conditions): Conditions {
  return Object.fromEntries(Object.entries(conditions).map(([name, condition]) => [name.toLowerCase(), condition]));
}
