import type { DestinationRef } from '../model/ir-destination.ts';
import type { ForwardAction, RewriteDecision, RouteMatch, WeightedDestination } from '../model/ir-route.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import type { HttpRule } from '../model/virtual-service.ts';
import { calledAuthority, requestNames } from './called-authority.ts';
import { hashKeys } from './hash-keys.ts';
import { resolveHeaders } from './header-changes.ts';
import { resolveRetries } from './retries.ts';
import { routeTarget } from './route-target.ts';
import type { RuleContext } from './target-rule.ts';

/** Where a rule sends requests, and how (P13 to P18, P27). `field` is `spec.http[0]`; `asked` is what the request named. */
export function resolveForward(
  context: RuleContext,
  object: VirtualServiceObject,
  field: string,
  rule: HttpRule,
  match: RouteMatch,
  asked: DestinationRef,
): ForwardAction {
  const destinations = weighted(context, object, field, rule, asked);
  const [only, another] = destinations;
  // A single destination's authority is the route's own: it is written after the rule's headers, so it holds (P18).
  const single = only && another === undefined ? only : undefined;
  const { settings } = context;
  const keys = hashKeys(context, destinations);
  const hashed = single !== undefined && keys.hash !== undefined;
  const written = rewriteDecision(object, field, rule, match, single?.authority);
  const { destinations: called, rewrite } = calledAuthority(context, {
    destinations: single ? [withoutAuthority(single)] : destinations,
    ...(written && { rewrite: written }),
  });
  const names = requestNames(context, called);
  return {
    kind: 'forward',
    destinations: called,
    timeout:
      rule.timeout === undefined
        ? byDefault(undefined, 'D3')
        : { value: rule.timeout, by: provenance(object, `${field}.timeout`) },
    retries: resolveRetries(
      object,
      `${field}.retries`,
      rule.retries,
      hashed ? settings.hashedRetries : settings.retries,
      hashed,
    ),
    mirrors: rule.mirrors.flatMap((mirror, position) => {
      // P17: an explicit 0 is none.
      if (mirror.percentage <= 0) return [];
      const destination = routeTarget(context, object, mirror.destination, asked.port);
      const by = provenance(object, mirrorField(object, field, position));
      return [{ value: { destination, percentage: mirror.percentage }, by }];
    }),
    ...(rewrite && { rewrite }),
    ...(names && { requestNames: names }),
    ...keys,
  };
}

/** P15: one destination needs no weight; of several, those of weight 0 get nothing. */
function weighted(
  context: RuleContext,
  object: VirtualServiceObject,
  field: string,
  rule: HttpRule,
  called: DestinationRef,
): readonly WeightedDestination[] {
  const all = rule.route.map((route, position) => {
    const path = `${field}.route[${position}]`;
    const { changes, authority } = resolveHeaders(route.headers);
    const by = provenance(object, `${path}.headers`);
    return {
      destination: routeTarget(context, object, route.destination, called.port),
      weight: { value: route.weight ?? 0, by: provenance(object, `${path}.weight`) },
      ...(changes && { headers: { value: changes, by } }),
      ...(authority && { authority: { value: authority.value, by } }),
    };
  });
  const [first, second] = all;
  // A rule with neither route nor redirect is refused before; the service itself is what the request asked for.
  if (first === undefined) return [{ destination: called, weight: byDefault(1, 'P15') }];
  if (second === undefined) return [{ ...first, weight: byDefault(1, 'P15') }];
  const positive = all.filter(({ weight }) => weight.value > 0);
  const [one, more] = positive;
  if (one === undefined) return all.map((each) => ({ ...each, weight: { ...each.weight, value: 1 } }));
  return more === undefined ? [{ ...one, weight: { ...one.weight, value: 1 } }] : positive;
}

function withoutAuthority({ destination, weight, headers }: WeightedDestination): WeightedDestination {
  return headers === undefined ? { destination, weight } : { destination, weight, headers };
}

/**
 * P13: after a prefix match the prefix is replaced, after an exact or regex match the whole path; a rule without a path matches by the
 * prefix `/`. P18: `host` among the request headers is a rewrite of the authority.
 */
function rewriteDecision(
  object: VirtualServiceObject,
  field: string,
  { rewrite, headers }: HttpRule,
  match: RouteMatch,
  ofDestination: Decided<string> | undefined,
): Decided<RewriteDecision> | undefined {
  const fromHeaders = resolveHeaders(headers).authority;
  const authority = ofDestination?.value ?? fromHeaders?.value ?? rewrite?.authority;
  const { uri, uriRegexRewrite } = rewrite ?? {};
  if (authority === undefined && uri === undefined && uriRegexRewrite === undefined) return undefined;
  const wholePath = match.path !== undefined && match.path.kind !== 'prefix';
  const places = [
    ...(rewrite ? [provenance(object, `${field}.rewrite`)] : []),
    ...(ofDestination && !('default' in ofDestination.by) ? [ofDestination.by] : []),
    ...(fromHeaders
      ? [provenance(object, `${field}.headers.request.${fromHeaders.operation}.${fromHeaders.name}`)]
      : []),
  ];
  const [by = provenance(object, field), ...also] = places;
  return {
    value: {
      ...(uri === undefined ? {} : { path: { kind: wholePath ? 'whole' : 'prefix', value: uri } }),
      ...(uriRegexRewrite && { pathRegex: uriRegexRewrite }),
      ...(authority === undefined ? {} : { authority }),
    },
    by,
    ...(also.length > 0 && { also }),
  };
}

/** The older `mirror` stands beside the list and becomes its only element. */
function mirrorField(object: VirtualServiceObject, field: string, position: number): string {
  const listed = `${field}.mirrors[${position}]`;
  return object.positions.has(listed) || !object.positions.has(`${field}.mirror`) ? listed : `${field}.mirror`;
}
