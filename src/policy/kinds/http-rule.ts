import type { HttpRule, RouteDestination } from '../../model/virtual-service.ts';
import { durationText } from '../duration.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { beside, present } from './common.ts';
import { lowerCors } from './http-cors.ts';
import { lowerDirectResponse } from './http-direct-response.ts';
import { authorityField, checkHeaderRules, lowerHeaderRules } from './http-headers.ts';
import { lowerMatch } from './http-match.ts';
import { lowerMirrors } from './http-mirrors.ts';
import { lowerFault, lowerRetries } from './http-resilience.ts';
import { lowerRedirect, lowerRewrite } from './http-rewrite.ts';
import type { httpRule } from './http-shape.ts';
import { checkDestinationHost, checkWeights, lowerDestination } from './route-destination.ts';

type Written = Infer<typeof httpRule>;

/** One rule of `http[]` at `path`, with the checks of P10, P12, P13, P15, P16, P17 and P18. */
export function lowerHttpRule(rule: Written, path: string, context: LowerContext): HttpRule {
  checkAction(rule, path, context);
  checkDestinations(rule, path, context);
  const rewritten = rule.rewrite?.authority ? `${path}.rewrite.authority` : undefined;
  checkHeaderRules(rule.headers, `${path}.headers`, rewritten, context);
  const earlier = rewritten ?? authorityField(rule.headers, `${path}.headers`);
  (rule.route ?? []).forEach((route, index) => {
    checkHeaderRules(route.headers, `${path}.route[${index}].headers`, earlier, context);
  });
  checkWeights(rule.route ?? [], `${path}.route`, context);
  checkTimeouts(rule, path, context);
  return present<HttpRule>({
    name: rule.name || undefined,
    match: (rule.match ?? []).map((match, index) => lowerMatch(match, `${path}.match[${index}]`, context)),
    route: lowerRoute(rule),
    redirect: rule.redirect && lowerRedirect(rule.redirect, rule.match, `${path}.redirect`, context),
    directResponse: rule.directResponse && lowerDirectResponse(rule.directResponse, `${path}.directResponse`, context),
    rewrite: lowerRewrite(rule, `${path}.rewrite`, context),
    timeout: rule.timeout,
    retries: rule.retries && lowerRetries(rule.retries, `${path}.retries`, context),
    fault: rule.fault && lowerFault(rule.fault, `${path}.fault`, context),
    mirrors: lowerMirrors(rule, path, context),
    headers: rule.headers && lowerHeaderRules(rule.headers),
    corsPolicy: rule.corsPolicy && lowerCors(rule.corsPolicy, `${path}.corsPolicy`, context),
  });
}

/** What acts on requests to a destination alone; so Envoy's CORS filter does, whatever a route says (measured, 1.40). */
const forwarding = ['timeout', 'retries', 'mirror', 'mirrors', 'corsPolicy'] as const;

/** Each rule does something; a redirect or an answer does it without destinations, so what is about these has no effect. */
function checkAction(rule: Written, path: string, context: LowerContext): void {
  const instead = rule.redirect ? 'redirect' : rule.directResponse ? 'directResponse' : undefined;
  if (instead === undefined) {
    if ((rule.route ?? []).length > 0) return;
    const message = 'expected "route", "redirect" or "directResponse", one of which is required';
    context.report('WEFT0002', path, message, 'add route: [{destination: {host: reviews}}]');
    return;
  }
  for (const field of forwarding) {
    if (rule[field] === undefined) continue;
    const related = beside(context, path, instead);
    context.report('WEFT0132', `${path}.${field}`, `has no effect beside ${instead}`, 'remove it', related);
  }
}

/** P16: Envoy leaves out a limit of each try that does not end before that of all tries. */
function checkTimeouts(
  { timeout, retries: { attempts = 0, perTryTimeout } = {} }: Written,
  path: string,
  context: LowerContext,
): void {
  if (timeout === undefined || perTryTimeout === undefined || attempts === 0 || perTryTimeout < timeout) return;
  const all = durationText(timeout);
  const message = `has no effect: timeout ends all tries together after ${all}`;
  const hint = `write less than ${all}, so that time is left for a retry`;
  context.report('WEFT0132', `${path}.retries.perTryTimeout`, message, hint, beside(context, path, 'timeout'));
}

function checkDestinations({ route = [], mirror, mirrors = [] }: Written, path: string, context: LowerContext): void {
  route.forEach(({ destination }, index) => {
    checkDestinationHost(destination, `${path}.route[${index}].destination`, context);
  });
  if (mirror) checkDestinationHost(mirror, `${path}.mirror`, context);
  mirrors.forEach(({ destination }, index) => {
    checkDestinationHost(destination, `${path}.mirrors[${index}].destination`, context);
  });
}

function lowerRoute({ route = [] }: Written): readonly RouteDestination[] {
  return route.map((each) =>
    present<RouteDestination>({
      destination: lowerDestination(each.destination),
      weight: each.weight,
      headers: each.headers && lowerHeaderRules(each.headers),
    }),
  );
}
