import type { HashKey } from '../model/load-balancer.ts';
import {
  type RouteAction_HashPolicy,
  RouteAction_HashPolicySchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { type HashPolicy, HashPolicySchema } from '../proto/gen/envoy/type/v3/hash_policy_pb.ts';
import { message } from '../proto/message.ts';
import { durationOf } from './duration.ts';

/** What of a request is its key (P27). A cookie without a lifetime is read and never made. */
export function routeHashPolicy(key: HashKey): RouteAction_HashPolicy {
  switch (key.on) {
    case 'header':
      return message(RouteAction_HashPolicySchema, {
        policySpecifier: { case: 'header', value: { headerName: key.name } },
      });
    case 'query':
      return message(RouteAction_HashPolicySchema, {
        policySpecifier: { case: 'queryParameter', value: { name: key.name } },
      });
    case 'source-address':
      return message(RouteAction_HashPolicySchema, {
        policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } },
      });
    case 'cookie': {
      const { name, path, ttl, attributes } = key;
      const value = {
        name,
        ...(path === undefined ? {} : { path }),
        ...(ttl === undefined ? {} : { ttl: durationOf(ttl) }),
        attributes: attributes.map((attribute) => ({ name: attribute.name, value: attribute.value })),
      };
      return message(RouteAction_HashPolicySchema, { policySpecifier: { case: 'cookie', value } });
    }
    default:
      return key satisfies never;
  }
}

/** Of a connection only the caller's address is known (P27). */
export const connectionHashPolicy: HashPolicy = message(HashPolicySchema, {
  policySpecifier: { case: 'sourceIp', value: {} },
});
