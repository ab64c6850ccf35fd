import type { Any } from '@bufbuild/protobuf/wkt';
import type { Route } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import { CorsPolicySchema } from '../proto/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { PerRouteConfigSchema } from '../proto/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { HTTPFaultSchema } from '../proto/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { corsFilterName, corsPolicy } from './cors.ts';
import { dynamicForwardProxyName } from './dns-cache.ts';
import { faultFilterName, faultInjection } from './fault.ts';

/** What a route tells the filters before the router, by their names. The filters themselves do nothing without it (E21). */
export function routeFilters({ fault, cors, action }: Pick<Route, 'fault' | 'cors' | 'action'>): Record<string, Any> {
  const [only, another] = action.kind === 'forward' ? action.destinations : [];
  const authority = action.kind === 'forward' && another === undefined ? action.rewrite?.value.authority : undefined;
  return {
    ...(only?.resolvesAuthority === true && authority !== undefined ? resolvedAuthority(authority) : {}),
    ...(fault === undefined ? {} : { [faultFilterName]: pack(HTTPFaultSchema, faultInjection(fault.value)) }),
    ...(cors === undefined ? {} : { [corsFilterName]: pack(CorsPolicySchema, corsPolicy(cors.value)) }),
  };
}

/** What is resolved instead of the host that the caller said: the router's own rewrite comes too late for that. */
export function resolvedAuthority(authority: string): Record<string, Any> {
  const config = { hostRewriteSpecifier: { case: 'hostRewriteLiteral' as const, value: authority } };
  return { [dynamicForwardProxyName]: pack(PerRouteConfigSchema, config) };
}
