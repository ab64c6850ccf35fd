import type { Route as RouteDecision } from '../model/ir-route.ts';
import type { Metadata } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { type Route, RouteSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';
import { headerOperations } from './header-operations.ts';
import { decidedFields, provenanceMetadata } from './provenance-metadata.ts';
import { redirectAction } from './redirect-action.ts';
import { respondAction } from './respond-action.ts';
import { headersPerDestination, routeAction } from './route-action.ts';
import { routeFilters } from './route-filters.ts';
import { routeMatch } from './route-match.ts';

/** One route of a service port, whole; its name is that of the rule (section 4.2 of experience.md). */
export function outboundRoute(route: RouteDecision, port: number): Route {
  const { name, match, action, headers, statName } = route;
  const moved = action.kind === 'forward' && headersPerDestination(action);
  const metadata = routeMetadata(route);
  return message(RouteSchema, {
    name,
    match: routeMatch(match),
    action: actionOf(route, port),
    ...(moved ? {} : headerOperations([headers?.value])),
    typedPerFilterConfig: routeFilters(route),
    ...(statName === undefined ? {} : { statPrefix: statName.value }),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function actionOf({ action, headers }: RouteDecision, port: number): Route['action'] {
  switch (action.kind) {
    case 'forward':
      return { case: 'route', value: routeAction(action, headers?.value) };
    case 'redirect':
      return { case: 'redirect', value: redirectAction(action.redirect.value, port) };
    case 'respond':
      return { case: 'directResponse', value: respondAction(action) };
    default:
      return action satisfies never;
  }
}

function routeMetadata(route: RouteDecision): Metadata | undefined {
  const { name, by, match: _match, ...decided } = route;
  const { weight: weights, ...fields } = decidedFields(decided);
  return provenanceMetadata({ route: { value: name, by }, ...fields, weights }, name);
}
