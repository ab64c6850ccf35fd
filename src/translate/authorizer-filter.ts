import { ExtAuthzSchema } from '../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { RBACSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import type { HttpFilter } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { extensionResource, extensionSlot } from './extension-config.ts';
import { authorizerName } from './names.ts';

/** Asks an authorizer outside, before anything is known of tokens (P39). */
export const authorizerFilter: HttpFilter = extensionSlot(authorizerName, [ExtAuthzSchema, RBACSchema]);

/** Of a workload that no CUSTOM policy selects: rules without a rule, for an authorizer cannot be left out. */
export const noAuthorizer: Resource = extensionResource(authorizerName, RBACSchema, {});
