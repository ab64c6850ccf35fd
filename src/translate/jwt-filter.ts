import { JwtAuthenticationSchema } from '../proto/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import type { HttpFilter } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { extensionResource, extensionSlot } from './extension-config.ts';
import { tokensName } from './names.ts';

/** Verifies tokens, after the authorizer was asked and before rules look at claims (P39). */
export const tokensFilter: HttpFilter = extensionSlot(tokensName, [JwtAuthenticationSchema]);

/** Of a workload that no RequestAuthentication selects: tokens pass, and nothing is known of them. */
export const noTokens: Resource = extensionResource(tokensName, JwtAuthenticationSchema, {});
