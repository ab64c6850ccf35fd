import type { Redirect, Rewrite } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import { rewriteProblem } from '../re2.ts';
import type { Infer } from '../shape.ts';
import { beside, present } from './common.ts';
import type { httpRule, redirect } from './http-shape.ts';

type Rule = Infer<typeof httpRule>;

/** The codes of Envoy's redirects; Istio serves a rule with another one without any answer. */
const redirectCodes = [301, 302, 303, 307, 308];

/** A redirect at `path` (D13). What is empty says nothing, as in Istio. */
export function lowerRedirect(
  written: Infer<typeof redirect>,
  match: Rule['match'],
  path: string,
  context: LowerContext,
): Redirect {
  const { uri, prefixRewrite, authority, port, derivePort, scheme } = written;
  const redirectCode = written.redirectCode || 301;
  if (redirectCode < 300) {
    const message = `expected a code from 300 to 399, got ${redirectCode}`;
    context.report('WEFT0002', `${path}.redirectCode`, message, `write one of ${redirectCodes.join(', ')}`);
  } else if (!redirectCodes.includes(redirectCode)) {
    const hint = `write one of ${redirectCodes.join(', ')}; without it callers are told 301, which they may keep for good`;
    context.refuse(`${path}.redirectCode`, 'never', `${redirectCode}`, { hint });
  }
  if (uri && prefixRewrite) {
    const message = 'uri and prefixRewrite exclude each other';
    context.report('WEFT0137', `${path}.prefixRewrite`, message, 'keep one', beside(context, path, 'uri'));
  }
  if (!uri && !prefixRewrite && !authority && !scheme && port === undefined && derivePort === undefined) {
    const message = 'expected "uri", "prefixRewrite", "authority", "scheme" or a port, one of which is required';
    context.report('WEFT0002', path, message, 'add where the caller is sent, such as uri: /new');
  }
  const other = (match ?? []).findIndex(({ uri: path }) => path !== undefined && path.prefix === undefined);
  if (prefixRewrite && other !== -1) {
    const message = `expected prefixes only in match[].uri beside prefixRewrite, match[${other}] has none`;
    context.report('WEFT0002', `${path}.prefixRewrite`, message, 'match by prefix, or write uri');
  }
  checkAuthority(authority, `${path}.authority`, context);
  return present<Redirect>({
    uri: uri || undefined,
    prefixRewrite: prefixRewrite || undefined,
    authority: authority || undefined,
    port: port || undefined,
    derivePort,
    scheme: scheme || undefined,
    redirectCode,
  });
}

/** P13: the rewrite of a rule; a prefix and its replacement end alike (WEFT0138). */
export function lowerRewrite(rule: Rule, path: string, context: LowerContext): Rewrite | undefined {
  if (rule.rewrite === undefined) return undefined;
  const { uri, authority, uriRegexRewrite } = rule.rewrite;
  const problem = uriRegexRewrite && rewriteProblem(uriRegexRewrite.match, uriRegexRewrite.rewrite);
  if (problem) {
    context.report(
      'WEFT0002',
      `${path}.uriRegexRewrite.rewrite`,
      `expected ${problem}`,
      'name groups by number, such as \\1',
    );
  }
  if (uri && uriRegexRewrite) {
    const message = 'uri and uriRegexRewrite exclude each other';
    context.report('WEFT0137', `${path}.uriRegexRewrite`, message, 'keep one', beside(context, path, 'uri'));
  }
  if (!uri && !uriRegexRewrite && !authority) {
    const message = 'expected "uri", "uriRegexRewrite" or "authority", one of which is required';
    context.report('WEFT0002', path, message, 'add what is rewritten, such as uri: /new, or remove it');
  }
  checkAuthority(authority, `${path}.authority`, context);
  checkSlashes(rule, path, context);
  return present<Rewrite>({ uri: uri || undefined, authority: authority || undefined, uriRegexRewrite });
}

/** Where no path is matched, the prefix that the rewrite replaces is "/". */
function checkSlashes({ rewrite, match = [] }: Rule, path: string, context: LowerContext): void {
  const uri = rewrite?.uri;
  if (!uri) return;
  if (!uri.endsWith('/') && (match.length === 0 || match.some(({ uri: condition }) => condition === undefined))) {
    const message = `without match[].uri the prefix "/" is rewritten: "/abc" becomes ${JSON.stringify(`${uri}abc`)}`;
    context.report('WEFT0138', `${path}.uri`, message, `write ${JSON.stringify(`${uri}/`)}, or match by prefix`);
    return;
  }
  for (const { uri: condition } of match) {
    const prefix = condition?.prefix;
    if (prefix === undefined || prefix === '' || prefix.endsWith('/') === uri.endsWith('/')) continue;
    const message = `prefix ${JSON.stringify(prefix)} and rewrite ${JSON.stringify(uri)} differ in their last slash`;
    context.report('WEFT0138', `${path}.uri`, message, 'end both with "/" or neither');
    return;
  }
}

/** A host, perhaps with a port. */
function checkAuthority(authority: string | undefined, field: string, context: LowerContext): void {
  if (!authority || /^[^\s/?#@\\]+$/.test(authority)) return;
  const message = `expected a host, perhaps with a port, got ${JSON.stringify(authority)}`;
  context.report(
    'WEFT0002',
    field,
    message,
    'write such as reviews.example or reviews.example:8080, without scheme and path',
  );
}
