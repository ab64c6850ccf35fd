import type { ForwardAction, HeaderChanges, RewriteDecision, WeightedDestination } from '../model/ir-route.ts';
import {
  type RouteAction,
  RouteAction_RequestMirrorPolicySchema,
  RouteActionSchema,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
  WeightedClusterSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import {
  type RegexMatchAndSubstitute,
  RegexMatchAndSubstituteSchema,
} from '../proto/gen/envoy/type/matcher/v3/regex_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { routeHashPolicy } from './hash-policy.ts';
import { headerOperations } from './header-operations.ts';
import { clusterName } from './names.ts';
import { fractionalPercent } from './percentage.ts';
import { retryPolicy } from './retry-policy.ts';
import { resolvedAuthority } from './route-filters.ts';

/**
 * Whether what the route does to headers must move into its destinations: as soon as one of these has changes of its own, which come
 * after the route's (P18), while Envoy would apply them before.
 */
export function headersPerDestination({ destinations }: ForwardAction): boolean {
  return destinations.some(({ headers, authority }) => headers !== undefined || authority !== undefined);
}

/** Where a request goes and under which terms. No timeout unless one was decided (R3, D3); `headers` are those of the route. */
export function routeAction(action: ForwardAction, headers: HeaderChanges | undefined): RouteAction {
  const { timeout, retries, mirrors, rewrite, hash = [] } = action;
  return message(RouteActionSchema, {
    clusterSpecifier: clusterSpecifier(action, headers),
    timeout: durationOf(timeout.value ?? 0),
    ...(retries.value === undefined ? {} : { retryPolicy: retryPolicy(retries.value) }),
    requestMirrorPolicies: mirrors.map(({ value }) =>
      message(RouteAction_RequestMirrorPolicySchema, {
        cluster: clusterName(value.destination),
        runtimeFraction: { defaultValue: fractionalPercent(value.percentage) },
        // A copy is no part of the caller's trace, and names the host that the caller named: rules and applications behind it know no other.
        traceSampled: false,
        disableShadowHostSuffixAppend: true,
      }),
    ),
    hashPolicy: hash.map(({ value }) => routeHashPolicy(value)),
    ...pathRewrite(rewrite?.value),
    ...hostRewrite(headersPerDestination(action) ? undefined : rewrite?.value.authority),
  });
}

function clusterSpecifier(action: ForwardAction, headers: HeaderChanges | undefined): RouteAction['clusterSpecifier'] {
  const [first, ...others] = action.destinations;
  if (first === undefined) throw new RangeError('a forwarding route has no destination');
  const moved = headersPerDestination(action);
  if (others.length === 0 && !moved) return { case: 'cluster', value: clusterName(first.destination) };
  const ofRoute = moved ? { headers, authority: action.rewrite?.value.authority } : {};
  const clusters = action.destinations.map((one) => clusterWeight(one, ofRoute));
  const chooses = action.hashChooses === true ? { useHashPolicy: true } : {};
  return { case: 'weightedClusters', value: message(WeightedClusterSchema, { clusters, ...chooses }) };
}

function clusterWeight(
  one: WeightedDestination,
  ofRoute: { readonly headers?: HeaderChanges | undefined; readonly authority?: string | undefined },
): WeightedCluster_ClusterWeight {
  return message(WeightedCluster_ClusterWeightSchema, {
    name: clusterName(one.destination),
    weight: one.weight.value,
    ...headerOperations([ofRoute.headers, one.headers?.value]),
    ...hostRewrite(one.authority?.value ?? ofRoute.authority),
    ...(one.resolvesAuthority === true &&
      one.authority && { typedPerFilterConfig: resolvedAuthority(one.authority.value) }),
  });
}

function hostRewrite(authority: string | undefined): {
  hostRewriteSpecifier?: { case: 'hostRewriteLiteral'; value: string };
} {
  return authority === undefined ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority } };
}

/** P13: a prefix or the whole path, query kept. */
function pathRewrite(
  rewrite: RewriteDecision | undefined,
): Partial<Pick<RouteAction, 'prefixRewrite' | 'regexRewrite'>> {
  const { path, pathRegex } = rewrite ?? {};
  if (pathRegex !== undefined) return { regexRewrite: regexRewrite(pathRegex.match, pathRegex.rewrite) };
  if (path === undefined) return {};
  if (path.kind === 'prefix') return { prefixRewrite: path.value };
  return { regexRewrite: regexRewrite('^.*$', literal(path.value)) };
}

function regexRewrite(regex: string, substitution: string): RegexMatchAndSubstitute {
  return message(RegexMatchAndSubstituteSchema, { pattern: { regex }, substitution });
}

/** A backslash begins a group reference in a substitution. */
function literal(text: string): string {
  return text.replaceAll('\\', '\\\\');
}
