import { isMessage, type Message } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { decodeAny } from '../proto/codec.ts';
import { GrpcService_EnvoyGrpcSchema } from '../proto/gen/envoy/config/core/v3/grpc_service_pb.ts';
import { HttpUriSchema } from '../proto/gen/envoy/config/core/v3/http_uri_pb.ts';
import { FilterSchema, ListenerFilterSchema } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import {
  RouteAction_RequestMirrorPolicySchema,
  RouteActionSchema,
  WeightedCluster_ClusterWeightSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { ScopedRouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/scoped_route_pb.ts';
import {
  HttpFilterSchema,
  RdsSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import {
  TcpProxy_WeightedCluster_ClusterWeightSchema,
  TcpProxySchema,
} from '../proto/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { SdsSecretConfigSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { messagesOf } from '../proto/messages-of.ts';
import { schemaOf } from '../proto/registry.ts';
import type { ResourceReference } from './resource.ts';
import { clusterType, extensionType, routeType, secretType } from './resource-types.ts';

/**
 * What a message refers to at any depth, Anys included, each once (section 5, point 1): clusters of routes, weighted clusters, mirrors,
 * TCP proxies, gRPC services and HTTP URIs; route configurations of RDS and of scopes; secrets of SDS; filters of ECDS. A cluster that
 * only a request header or a plugin names is not known here.
 */
export function referencesIn(message: Message): readonly ResourceReference[] {
  const found = new Map<string, ResourceReference>();
  collect(message, (reference) => {
    if (reference.name !== '') found.set(`${reference.typeUrl} ${reference.name}`, reference);
  });
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, reference]) => reference);
}

function collect(message: Message, add: (reference: ResourceReference) => void): void {
  const own = referenceOf(message);
  if (own !== undefined) add(own);
  if (isMessage(message, AnySchema)) {
    if (message.typeUrl !== '') collect(decodeAny(message), add);
    return;
  }
  for (const field of schemaOf(message.$typeName).fields)
    for (const inner of messagesOf(field, message)) collect(inner, add);
}

/** What this one message names, the messages in it left aside. */
function referenceOf(message: Message): ResourceReference | undefined {
  if (isMessage(message, RouteActionSchema) || isMessage(message, TcpProxySchema)) {
    const { clusterSpecifier } = message;
    return clusterSpecifier.case === 'cluster' ? toCluster(clusterSpecifier.value) : undefined;
  }
  if (
    isMessage(message, WeightedCluster_ClusterWeightSchema) ||
    isMessage(message, TcpProxy_WeightedCluster_ClusterWeightSchema)
  )
    return toCluster(message.name);
  if (isMessage(message, RouteAction_RequestMirrorPolicySchema)) return toCluster(message.cluster);
  if (isMessage(message, GrpcService_EnvoyGrpcSchema)) return toCluster(message.clusterName);
  if (isMessage(message, HttpUriSchema))
    return message.httpUpstreamType.case === 'cluster' ? toCluster(message.httpUpstreamType.value) : undefined;
  if (isMessage(message, RdsSchema)) return { typeUrl: routeType, name: message.routeConfigName };
  if (isMessage(message, ScopedRouteConfigurationSchema))
    return { typeUrl: routeType, name: message.routeConfigurationName };
  // Without a source the secret is one of the bootstrap.
  if (isMessage(message, SdsSecretConfigSchema))
    return message.sdsConfig === undefined ? undefined : { typeUrl: secretType, name: message.name };
  if (
    isMessage(message, HttpFilterSchema) ||
    isMessage(message, FilterSchema) ||
    isMessage(message, ListenerFilterSchema)
  )
    return message.configType.case === 'configDiscovery' ? { typeUrl: extensionType, name: message.name } : undefined;
  return undefined;
}

function toCluster(name: string): ResourceReference {
  return { typeUrl: clusterType, name };
}
