import type { HttpMatch, HttpRule, RouteDestination } from '../../model/virtual-service.ts';
import { fieldPath } from '../field-path.ts';
import type { LowerContext } from '../kind-definition.ts';
import { rewriteProblem } from '../re2.ts';
import type { Infer } from '../shape.ts';
import { lowerStringMatch, mapValues, present } from './common.ts';
import { checkHeaderRules, lowerHeaderRules, rewritesAuthority } from './http-headers.ts';
import { lowerFault, lowerRetries } from './http-resilience.ts';
import type { httpMatch, httpRule } from './http-shape.ts';
import { checkWeights, lowerDestination } from './route-destination.ts';

type Written = Infer<typeof httpRule>;

/** One rule of `http[]` at `path`, with the checks of P12, P13, P15, P16, P17 and P18. */
export function lowerHttpRule(rule: Written, path: string, context: LowerContext): HttpRule {
  checkAction(rule, path, context);
  checkRewrite(rule, path, context);
  checkHeaderRules(rule.headers, `${path}.headers`, rule.rewrite?.authority !== undefined, context);
  const authorityTwice = rewritesAuthority(rule.headers) || rule.rewrite?.authority !== undefined;
  (rule.route ?? []).forEach((route, index) => {
    checkHeaderRules(route.headers, `${path}.route[${index}].headers`, authorityTwice, context);
  });
  const prefixRewrite = rule.redirect;
  return present<HttpRule>({
    name: rule.name,
    match: (rule.match ?? []).map((match, index) => lowerMatch(match, `${path}.match[${index}]`, context)),
    route: lowerRoute(rule, path, context),
    redirect: prefixRewrite && { ...prefixRewrite, redirectCode: prefixRewrite.redirectCode ?? 301 },
    rewrite: rule.rewrite,
    timeout: rule.timeout,
    retries: rule.retries && lowerRetries(rule.retries, `${path}.retries`, context),
    fault: rule.fault && lowerFault(rule.fault, `${path}.fault`, context),
    mirrors: lowerMirrors(rule, path, context),
    headers: rule.headers && lowerHeaderRules(rule.headers),
  });
}

function checkAction(rule: Written, path: string, context: LowerContext): void {
  if (rule.redirect === undefined && (rule.route ?? []).length === 0) {
    context.report(
      'WEFT0002',
      path,
      'expected "route" or "redirect", which is required',
      'add route with a destination',
    );
  }
  const code = rule.redirect?.redirectCode;
  if (code !== undefined && ![301, 302, 303, 307, 308].includes(code)) {
    context.report(
      'WEFT0002',
      `${path}.redirect.redirectCode`,
      `expected 301, 302, 303, 307 or 308, got ${code}`,
      'use one of them',
    );
  }
}

function lowerMatch(match: Infer<typeof httpMatch>, path: string, context: LowerContext): HttpMatch {
  for (const name of Object.keys(match.headers ?? {})) checkConditionName(name, `${path}.headers`, context);
  for (const name of Object.keys(match.withoutHeaders ?? {}))
    checkConditionName(name, `${path}.withoutHeaders`, context);
  checkWithout(match.withoutHeaders ?? {}, `${path}.withoutHeaders`, context);
  const optional = (condition: Parameters<typeof lowerStringMatch>[0] | undefined) =>
    condition && lowerStringMatch(condition);
  return present<HttpMatch>({
    name: match.name,
    uri: optional(match.uri),
    ignoreUriCase: match.ignoreUriCase ?? false,
    method: optional(match.method),
    authority: optional(match.authority),
    scheme: optional(match.scheme),
    headers: mapValues(match.headers ?? {}, lowerStringMatch),
    withoutHeaders: mapValues(match.withoutHeaders ?? {}, lowerStringMatch),
    queryParams: mapValues(match.queryParams ?? {}, lowerStringMatch),
    port: match.port,
    sourceLabels: match.sourceLabels ?? {},
    sourceNamespace: match.sourceNamespace,
  });
}

/** Each of these can double the routes of the match, as a header that is missing is a case of its own (P12). */
const mostExpressions = 4;

function checkWithout(
  conditions: NonNullable<Infer<typeof httpMatch>['withoutHeaders']>,
  path: string,
  context: LowerContext,
) {
  const expressions = Object.values(conditions).filter(
    ({ regex, exact }) => exact === '' || (regex ?? '*') !== '*',
  ).length;
  if (expressions <= mostExpressions) return;
  const message = `expected at most ${mostExpressions} expressions, got ${expressions}`;
  context.report('WEFT0002', path, message, 'split the match, or use exact and prefix');
}

/** Istio ignores these header names in a match; here they are told. */
function checkConditionName(name: string, parent: string, context: LowerContext): void {
  const field = fieldPath(parent, name);
  if (name.startsWith('@request.auth.claims')) {
    context.refuse(field, 'T2', name);
    return;
  }
  const own = name.replace(/^:/, '').toLowerCase();
  const instead = own === 'path' ? 'uri' : own;
  if (!['uri', 'path', 'method', 'authority', 'scheme'].includes(own) || (own === 'path' && !name.startsWith(':')))
    return;
  context.report(
    'WEFT0002',
    field,
    `expected the name of a header, got ${JSON.stringify(name)}`,
    `write ${instead} beside headers`,
  );
}

/** P13: a prefix and its replacement end alike. */
function checkRewrite(rule: Written, path: string, context: LowerContext): void {
  const expression = rule.rewrite?.uriRegexRewrite;
  const problem = expression && rewriteProblem(expression.match, expression.rewrite);
  if (problem) {
    const field = `${path}.rewrite.uriRegexRewrite.rewrite`;
    context.report('WEFT0002', field, `expected ${problem}`, 'name groups by number');
  }
  const uri = rule.rewrite?.uri;
  if (uri === undefined) return;
  for (const match of rule.match ?? []) {
    const prefix = match.uri?.prefix;
    if (prefix === undefined || prefix.endsWith('/') === uri.endsWith('/')) continue;
    const message = `prefix ${JSON.stringify(prefix)} and rewrite ${JSON.stringify(uri)} differ in their last slash`;
    context.report('WEFT0138', `${path}.rewrite.uri`, message, 'end both with "/" or neither');
    return;
  }
}

/** P15. */
function lowerRoute(rule: Written, path: string, context: LowerContext): readonly RouteDestination[] {
  const routes = rule.route ?? [];
  checkWeights(routes, `${path}.route`, context);
  return routes.map((route) =>
    present<RouteDestination>({
      destination: lowerDestination(route.destination),
      weight: route.weight,
      headers: route.headers && lowerHeaderRules(route.headers),
    }),
  );
}

/** `mirror` becomes the one entry of `mirrors`; without a percentage all requests are mirrored (D13). */
function lowerMirrors(rule: Written, path: string, context: LowerContext): HttpRule['mirrors'] {
  if (rule.mirror) {
    context.place(`${path}.mirrors[0]`, `${path}.mirror`);
    context.place(`${path}.mirrors[0].destination`, `${path}.mirror`);
    for (const part of ['host', 'subset', 'port'])
      context.place(`${path}.mirrors[0].destination.${part}`, `${path}.mirror.${part}`);
    context.place(
      `${path}.mirrors[0].percentage`,
      `${path}.${rule.mirrorPercentage ? 'mirrorPercentage' : 'mirrorPercent'}`,
    );
    return [
      {
        destination: lowerDestination(rule.mirror),
        percentage: rule.mirrorPercentage?.value ?? rule.mirrorPercent ?? 100,
      },
    ];
  }
  for (const field of ['mirrorPercentage', 'mirrorPercent'] as const) {
    if (rule[field] === undefined) continue;
    context.report(
      'WEFT0002',
      `${path}.${field}`,
      `expected "mirror" beside ${field}`,
      'add mirror, or write mirrors[].percentage',
    );
  }
  return (rule.mirrors ?? []).map((mirror) => ({
    destination: lowerDestination(mirror.destination),
    percentage: mirror.percentage?.value ?? 100,
  }));
}
