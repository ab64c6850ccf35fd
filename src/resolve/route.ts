import type { DestinationRef } from '../model/ir-destination.ts';
import type { FaultDecision, RedirectAction, Route, RouteMatch } from '../model/ir-route.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { httpRuleName } from '../model/provenance-fields.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { Fault, HttpRule, Redirect } from '../model/virtual-service.ts';
import { requestNames } from './called-authority.ts';
import { resolveCors } from './cors.ts';
import { refTo } from './destination.ts';
import { resolveForward } from './forward.ts';
import { hashKeys } from './hash-keys.ts';
import { resolveHeaders } from './header-changes.ts';
import { respondAction } from './respond.ts';
import { alternatives, matchesEverything, routeMatch } from './route-match.ts';
import type { RuleContext } from './target-rule.ts';
import type { SurvivingMatch } from './virtual-service.ts';
import { survivingMatches } from './virtual-service.ts';

/**
 * The routes of one HTTP port of a service: the matches that P10 leaves, in the order written (P11), nothing after one that matches
 * everything. Where no VirtualService acts or none of its rules survives, the default route; never empty otherwise (P10).
 */
export function resolveRoutes(
  context: RuleContext,
  service: Service,
  port: ServicePort,
  virtualService: VirtualServiceObject | undefined,
): readonly Route[] {
  const surviving = virtualService ? survivingMatches(virtualService, context.scope, port.number) : [];
  if (virtualService === undefined || surviving.length === 0)
    return [defaultRoute(context, service, refTo(service, port.number))];
  const routes: Route[] = [];
  for (const survivor of surviving) {
    const match = routeMatch(survivor.match);
    for (const alternative of alternatives(match))
      routes.push(writtenRoute(context, virtualService, survivor, alternative, refTo(service, port.number)));
    if (matchesEverything(match)) break;
  }
  return routes;
}

function defaultRoute(context: RuleContext, service: Service, destination: DestinationRef): Route {
  const { settings } = context;
  const destinations = [{ destination, weight: byDefault(1, 'P15') }];
  const keys = hashKeys(context, destinations);
  const names = requestNames(context, destinations);
  return {
    name: `default/${service.namespace}/${service.name}`,
    by: { default: 'P10' },
    match: { headers: [], query: [] },
    action: {
      kind: 'forward',
      destinations,
      timeout: byDefault(undefined, 'D3'),
      retries: keys.hash ? settings.hashedRetries : settings.retries,
      mirrors: [],
      ...(names && { requestNames: names }),
      ...keys,
    },
  };
}

function writtenRoute(
  context: RuleContext,
  object: VirtualServiceObject,
  { rule, ruleIndex, match: written, matchIndex }: SurvivingMatch,
  match: RouteMatch,
  called: DestinationRef,
): Route {
  const field = `spec.http[${ruleIndex}]`;
  const { changes } = resolveHeaders(rule.headers);
  const fault = rule.fault && faultDecision(rule.fault);
  return {
    name: routeName(object, ruleIndex, written?.name),
    by: provenance(object, matchIndex === undefined ? field : `${field}.match[${matchIndex}]`),
    match,
    action: actionOf(context, object, field, rule, match, called),
    ...(changes && { headers: { value: changes, by: provenance(object, `${field}.headers`) } }),
    ...(fault && { fault: { value: fault, by: provenance(object, `${field}.fault`) } }),
    ...(rule.corsPolicy && { cors: resolveCors(object, `${field}.corsPolicy`, rule.corsPolicy) }),
    ...(written?.statPrefix === undefined
      ? {}
      : {
          statName: {
            value: written.statPrefix,
            by: provenance(object, `${field}.match[${matchIndex}].statPrefix`),
          },
        }),
  };
}

/** A redirect goes before an answer, and both before destinations, with which timeout, retries and mirrors have no part then. */
function actionOf(
  context: RuleContext,
  object: VirtualServiceObject,
  field: string,
  rule: HttpRule,
  match: RouteMatch,
  called: DestinationRef,
): Route['action'] {
  if (rule.redirect) return redirectAction(object, `${field}.redirect`, rule.redirect);
  if (rule.directResponse) return respondAction(object, `${field}.directResponse`, rule.directResponse);
  return resolveForward(context, object, field, rule, match, called);
}

/** The name of a rule's routes; its stable part (section 1.3) is what the rule and the match are called. */
export function routeName(object: VirtualServiceObject, ruleIndex: number, matchName?: string): string {
  const name = httpRuleName(object.spec.http, ruleIndex);
  return `VirtualService/${object.namespace}/${object.name}[${matchName === undefined ? name : `${name}.${matchName}`}]`;
}

/** P17: what was written without a percentage came here as 0 and never fires. */
function faultDecision({ delay, abort }: Fault): FaultDecision | undefined {
  const status =
    abort?.httpStatus !== undefined
      ? { http: abort.httpStatus }
      : abort?.grpcStatus !== undefined
        ? { grpc: abort.grpcStatus }
        : undefined;
  if (delay === undefined && (abort === undefined || status === undefined)) return undefined;
  return {
    ...(delay && { delay: { duration: delay.fixedDelay, percentage: delay.percentage } }),
    ...(abort && status && { abort: { status, percentage: abort.percentage } }),
  };
}

const portSources = { FROM_PROTOCOL_DEFAULT: 'protocol', FROM_REQUEST_PORT: 'request' } as const;

function redirectAction(object: VirtualServiceObject, field: string, redirect: Redirect): RedirectAction {
  const { uri, prefixRewrite, authority, port, derivePort, scheme, redirectCode } = redirect;
  return {
    kind: 'redirect',
    redirect: {
      value: {
        ...(uri === undefined ? {} : { path: uri }),
        ...(prefixRewrite === undefined ? {} : { prefixRewrite }),
        ...(authority === undefined ? {} : { authority }),
        ...(port === undefined ? {} : { port }),
        ...(derivePort === undefined ? {} : { portFrom: portSources[derivePort] }),
        ...(scheme === undefined ? {} : { scheme }),
        statusCode: redirectCode,
      },
      by: provenance(object, field),
    },
  };
}
