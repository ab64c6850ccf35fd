import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { pack } from '../proto/codec.ts';
import { CorsSchema } from '../proto/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { FilterConfigSchema } from '../proto/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { HTTPFaultSchema } from '../proto/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { RBACSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RouterSchema } from '../proto/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { ConfigSchema as BytesMarkSchema } from '../proto/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';
import { bytesMarkName } from './bytes-mark.ts';
import { corsFilterName } from './cors.ts';
import { dnsCache, dynamicForwardProxyName } from './dns-cache.ts';
import { faultFilterName } from './fault.ts';
import { type AuthorizationStep, rulesPrefix, shadowPrefix } from './rbac.ts';

/** The name under which route configurations give one of the authorization filters its rules (P39). */
export function authorizationFilterName(step: AuthorizationStep): string {
  return `weft.authorization.${step}`;
}

/** The last filter of every manager: it adds no headers of its own (R9). */
export const routerFilter = filter('envoy.filters.http.router', RouterSchema, { suppressEnvoyHeaders: true });

/** Does nothing until a route carries a fault. */
export const faultFilter = filter(faultFilterName, HTTPFaultSchema, {});

/** Does nothing until a route says which origins may call. */
export const corsFilter = filter(corsFilterName, CorsSchema, {});

/** Does nothing until the route of a tunnel says that bytes go there (P28). */
export const bytesMark = filter(bytesMarkName, BytesMarkSchema, {});

/** Resolves the request's own host, for routes to clusters that need it; other requests pass untouched. */
export const dynamicForwardProxyFilter = filter(dynamicForwardProxyName, FilterConfigSchema, {
  implementationSpecifier: { case: 'dnsCacheConfig', value: dnsCache },
  // For the filter that refuses the proxy's own address.
  saveUpstreamAddress: true,
});

/**
 * The filter of one step. It is empty: its rules come with the route configuration (E21). Statistics have the names that the filter says,
 * what is left in metadata those that come with the rules.
 */
export function authorizationFilter(step: AuthorizationStep): HttpFilter {
  return filter(authorizationFilterName(step), RBACSchema, authorizationNames(step));
}

/** Each step has names of its own: in common ones the last would write over the others. */
export function authorizationNames(step: AuthorizationStep) {
  return { rulesStatPrefix: rulesPrefix[step], shadowRulesStatPrefix: shadowPrefix[step] };
}

function filter<Desc extends DescMessage>(name: string, schema: Desc, config: MessageInitShape<Desc>): HttpFilter {
  return message(HttpFilterSchema, { name, configType: { case: 'typedConfig', value: pack(schema, config) } });
}
