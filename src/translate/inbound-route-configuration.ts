import type { Any } from '@bufbuild/protobuf/wkt';
import type { Inbound } from '../model/ir-inbound.ts';
import { pack } from '../proto/codec.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { RBACPerRouteSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { authorizationFilterName, authorizationNames } from './http-filters.ts';
import { inboundName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { authorizationSteps, requestRules } from './rbac.ts';
import { retryPolicy } from './retry-policy.ts';

/**
 * Everything about inbound HTTP that policies change: it acts on the next request of every open connection and closes none (E21,
 * P39). All requests go to the application, without timeout (R3), again if they cannot have reached it (D2).
 */
export function inboundRouteConfiguration(inbound: Inbound): RouteConfiguration {
  const { port, ingress, mtls, retries } = inbound;
  const name = inboundName(port);
  const metadata = provenanceMetadata({ ingress, mtls, retries });
  return message(RouteConfigurationSchema, {
    name,
    virtualHosts: [
      {
        name,
        domains: ['*'],
        routes: [
          {
            name,
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: {
              case: 'route',
              value: {
                clusterSpecifier: { case: 'cluster', value: name },
                timeout: durationOf(0),
                ...(retries.value === undefined ? {} : { retryPolicy: retryPolicy(retries.value) }),
              },
            },
          },
        ],
        typedPerFilterConfig: authorizationConfig(inbound),
      },
    ],
    validateClusters: false,
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function authorizationConfig(inbound: Inbound): Record<string, Any> {
  const rules = requestRules(inbound);
  const steps = authorizationSteps.flatMap((step) => {
    const ofStep = rules[step];
    if (ofStep === undefined) return [];
    const rbac = { ...ofStep, ...authorizationNames(step) };
    return [[authorizationFilterName(step), pack(RBACPerRouteSchema, { rbac })] as const];
  });
  return Object.fromEntries(steps);
}
