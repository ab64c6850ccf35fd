import type { Any } from '@bufbuild/protobuf/wkt';
import type { Route as RouteDecision } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import type { Metadata } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { type Route, RouteSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { HTTPFaultSchema } from '../proto/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { message } from '../proto/message.ts';
import { faultFilterName, faultInjection } from './fault.ts';
import { headerOperations } from './header-operations.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { redirectAction } from './redirect-action.ts';
import { headersPerDestination, routeAction } from './route-action.ts';
import { routeMatch } from './route-match.ts';

/** One route of a service port, whole; its name is that of the rule (section 4.2 of experience.md). */
export function outboundRoute(route: RouteDecision, port: number): Route {
  const { name, match, action, headers } = route;
  const moved = action.kind === 'forward' && headersPerDestination(action);
  const metadata = routeMetadata(route);
  return message(RouteSchema, {
    name,
    match: routeMatch(match),
    action:
      action.kind === 'forward'
        ? { case: 'route', value: routeAction(action, headers?.value) }
        : { case: 'redirect', value: redirectAction(action.redirect.value, port) },
    ...(moved ? {} : headerOperations([headers?.value])),
    typedPerFilterConfig: faultConfig(route),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function faultConfig({ fault }: RouteDecision): Record<string, Any> {
  return fault === undefined ? {} : { [faultFilterName]: pack(HTTPFaultSchema, faultInjection(fault.value)) };
}

function routeMetadata(route: RouteDecision): Metadata | undefined {
  const { name, by, action, headers, fault } = route;
  const rule = { route: { value: name, by }, headers, fault };
  if (action.kind === 'redirect') return provenanceMetadata({ ...rule, redirect: action.redirect }, name);
  const [mirror] = action.mirrors;
  const { timeout, retries, rewrite } = action;
  const weights = action.destinations.map(({ weight }) => weight).find(({ by }) => !('default' in by));
  return provenanceMetadata({ ...rule, timeout, retries, rewrite, mirrors: mirror, weights }, name);
}
