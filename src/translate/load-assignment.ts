import type { EndpointAddress, EndpointDecision, EndpointSet } from '../model/ir-destination.ts';
import type { Locality } from '../model/registry-objects.ts';
import { type Metadata, MetadataSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { HealthStatus } from '../proto/gen/envoy/config/core/v3/health_check_pb.ts';
import { type LbEndpoint, LbEndpointSchema } from '../proto/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { message } from '../proto/message.ts';
import { versionMetadataKey, weftMetadataKey } from './provenance-metadata.ts';
import { socketAddress } from './socket-address.ts';
import { meshEndpoint, socketMatchKey } from './transport-socket-matches.ts';

/** The endpoints of a cluster as the registry knows them, by locality; an empty set is an answer too (X90). */
export function loadAssignment(name: string, set: EndpointSet): ClusterLoadAssignment {
  const groups = new Map<string, { locality?: Locality; endpoints: LbEndpoint[] }>();
  for (const endpoint of set.endpoints) {
    const { locality } = endpoint;
    const key = locality === undefined ? '' : [locality.region, locality.zone, locality.subzone].join('/');
    const group = groups.get(key) ?? { ...(locality === undefined ? {} : { locality }), endpoints: [] };
    group.endpoints.push(registeredEndpoint(endpoint));
    groups.set(key, group);
  }
  const sorted = [...groups].sort(([left], [right]) => (left < right ? -1 : 1));
  return message(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: sorted.map(([, { locality, endpoints }]) => ({
      ...(locality === undefined
        ? {}
        : { locality: { region: locality.region, zone: locality.zone, subZone: locality.subzone } }),
      lbEndpoints: endpoints,
    })),
  });
}

/** Fixed addresses or names, for clusters that Envoy resolves itself. */
export function fixedAssignment(name: string, addresses: readonly EndpointAddress[]): ClusterLoadAssignment {
  return message(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: addresses.length === 0 ? [] : [{ lbEndpoints: addresses.map(lbEndpoint) }],
  });
}

function lbEndpoint(endpoint: EndpointAddress & Pick<Partial<EndpointDecision>, 'version'>): LbEndpoint {
  const { address, port, weight } = endpoint;
  return message(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: socketAddress(address, port) } },
    loadBalancingWeight: Math.max(1, weight),
    ...metadataOf(endpoint),
  });
}

function registeredEndpoint(endpoint: EndpointDecision): LbEndpoint {
  const healthStatus = endpoint.healthy ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY;
  return message(LbEndpointSchema, { ...lbEndpoint(endpoint), healthStatus });
}

/** How the endpoint is called (P35), and what statistics tell of it. */
function metadataOf({ meshTls, version }: Parameters<typeof lbEndpoint>[0]): { metadata?: Metadata } {
  const filterMetadata = {
    ...(meshTls === true ? { [socketMatchKey]: meshEndpoint } : {}),
    ...(version === undefined ? {} : { [weftMetadataKey]: { [versionMetadataKey]: version } }),
  };
  return Object.keys(filterMetadata).length === 0 ? {} : { metadata: message(MetadataSchema, { filterMetadata }) };
}
