import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Authorizer } from '../model/authorizer.ts';
import type { Inbound } from '../model/ir-inbound.ts';
import { remember } from '../model/remember.ts';
import { ApiVersion } from '../proto/gen/envoy/config/core/v3/config_source_pb.ts';
import type { GrpcServiceSchema } from '../proto/gen/envoy/config/core/v3/grpc_service_pb.ts';
import type { Filter } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import {
  ExtAuthzSchema,
  type HttpServiceSchema,
} from '../proto/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { RBACSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { ExtAuthzSchema as ConnectionAuthzSchema } from '../proto/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import type { HttpFilter } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { MetadataMatcherSchema } from '../proto/gen/envoy/type/matcher/v3/metadata_pb.ts';
import type { ListStringMatcher } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import { ListStringMatcherSchema } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import type { StatusCode } from '../proto/gen/envoy/type/v3/http_status_pb.ts';
import { message } from '../proto/message.ts';
import type { Resource } from '../xds/resource.ts';
import { durationOf } from './duration.ts';
import { extensionResource, extensionSlot } from './extension-config.ts';
import { authorizerName, clusterName } from './names.ts';
import { networkFilter } from './network-filter.ts';
import { shadowPrefix } from './rbac.ts';
import { stringMatcher } from './text-matcher.ts';

/** Asks an authorizer outside, before anything is known of tokens (P39). */
export const authorizerFilter: HttpFilter = extensionSlot(authorizerName, [ExtAuthzSchema, RBACSchema]);

/** Of a workload that no CUSTOM policy selects: rules without a rule, for an authorizer cannot be left out. */
const noAuthorizer: Resource = extensionResource(authorizerName, RBACSchema, {});

/** The filter's content, one for all ports: which requests it asks about is a matter of the rules before it. */
export function authorizerResource(inbound: readonly Inbound[]): Resource {
  const asking = inbound.find(({ authorization }) => authorization.custom)?.authorization.custom;
  return asking === undefined ? noAuthorizer : requestAuthorizer(asking.authorizer);
}

const requestAuthorizer = remember((authorizer: Authorizer): Resource => {
  const { body, failOpen, statusOnError, choosesRouteAnew, http } = authorizer;
  return extensionResource(
    authorizerName,
    ExtAuthzSchema,
    {
      transportApiVersion: ApiVersion.V3,
      failureModeAllow: failOpen,
      // Checked when it was read.
      statusOnError: { code: statusOnError as StatusCode },
      clearRouteCache: choosesRouteAnew,
      filterEnabledMetadata: asked('http'),
      ...(body && {
        withRequestBody: {
          maxRequestBytes: body.maxBytes,
          allowPartialMessage: body.partly,
          packAsBytes: body.asBytes,
        },
      }),
      ...(http
        ? {
            services: { case: 'httpService', value: httpService(authorizer, http) },
            ...(http.seen.length > 0 && { allowedHeaders: names(['authorization', ...http.seen]) }),
          }
        : { services: { case: 'grpcService', value: grpcService(authorizer) } }),
    },
    [clusterName(authorizer.ref)],
  );
});

/** Asks about a connection; only gRPC has words for one. */
export function connectionAuthorizer(authorizer: Authorizer, name: string): Filter {
  return networkFilter('weft.authorizer', ConnectionAuthzSchema, {
    statPrefix: `${name}_authorizer_`,
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: authorizer.failOpen,
    grpcService: grpcService(authorizer),
    filterEnabledMetadata: asked('network'),
  });
}

/** Where the rules of CUSTOM policies, as if they refused, have said that they match. */
function asked(layer: 'http' | 'network'): MessageInitShape<typeof MetadataMatcherSchema> {
  return {
    filter: `envoy.filters.${layer}.rbac`,
    path: [{ segment: { case: 'key', value: `${shadowPrefix.custom}shadow_engine_result` } }],
    value: { matchPattern: { case: 'stringMatch', value: stringMatcher({ kind: 'exact', value: 'denied' }) } },
  };
}

function grpcService({ ref, timeout }: Authorizer): MessageInitShape<typeof GrpcServiceSchema> {
  return {
    targetSpecifier: { case: 'envoyGrpc', value: { clusterName: clusterName(ref), authority: ref.host } },
    timeout: durationOf(timeout),
  };
}

function httpService(
  { ref, timeout }: Authorizer,
  http: NonNullable<Authorizer['http']>,
): MessageInitShape<typeof HttpServiceSchema> {
  return {
    serverUri: {
      uri: `http://${ref.host}:${ref.port}`,
      httpUpstreamType: { case: 'cluster', value: clusterName(ref) },
      timeout: durationOf(timeout),
    },
    pathPrefix: http.pathPrefix,
    authorizationRequest: { headersToAdd: Object.entries(http.added).map(([key, value]) => ({ key, value })) },
    authorizationResponse: {
      ...some('allowedUpstreamHeaders', http.toApplication),
      ...some('allowedClientHeaders', http.toCallerOnDenial),
      ...some('allowedClientHeadersOnSuccess', http.toCallerOnSuccess),
    },
  };
}

function some<Field extends string>(field: Field, forms: readonly string[]) {
  return forms.length === 0 ? {} : { [field]: names(forms) };
}

/** Names of headers in the forms of P42. */
function names(forms: readonly string[]): ListStringMatcher {
  return message(ListStringMatcherSchema, { patterns: forms.map((form) => stringMatcher(headerForm(form), true)) });
}

function headerForm(form: string) {
  if (form === '*') return { kind: 'present' } as const;
  if (form.startsWith('*')) return { kind: 'suffix', value: form.slice(1) } as const;
  if (form.endsWith('*')) return { kind: 'prefix', value: form.slice(0, -1) } as const;
  return { kind: 'exact', value: form } as const;
}
