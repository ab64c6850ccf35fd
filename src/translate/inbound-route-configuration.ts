import type { Any } from '@bufbuild/protobuf/wkt';
import type { Inbound } from '../model/ir-inbound.ts';
import { pack } from '../proto/codec.ts';
import type { RBAC } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { RBACPerRouteSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';
import { allowFilterName, denyFilterName } from './http-filters.ts';
import { inboundName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { allowRules, requestDenyRules } from './rbac.ts';
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
  const deny = requestDenyRules(inbound);
  const allow = allowRules(inbound.authorization);
  return {
    ...(deny === undefined ? {} : { [denyFilterName]: perRoute(deny) }),
    ...(allow === undefined ? {} : { [allowFilterName]: perRoute(allow) }),
  };
}

function perRoute(rules: RBAC): Any {
  return pack(RBACPerRouteSchema, { rbac: { rules } });
}
