import type { EndpointAddress, EndpointDecision, EndpointSet } from '../model/ir-destination.ts';
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

/** The endpoints of a cluster as the registry knows them, by priority and locality; an empty set is an answer too (X90). */
export function loadAssignment(name: string, set: EndpointSet): ClusterLoadAssignment {
  return message(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: localityGroups(set.endpoints, registeredEndpoint),
  });
}

/** Fixed addresses or names, for clusters that Envoy resolves itself. */
export function fixedAssignment(name: string, addresses: readonly EndpointAddress[]): ClusterLoadAssignment {
  return message(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: localityGroups(addresses, lbEndpoint) });
}

/** A group for each locality of each priority, in this order. */
function localityGroups<T extends EndpointAddress>(endpoints: readonly T[], translate: (endpoint: T) => LbEndpoint) {
  const groups = new Map<string, { first: T; lbEndpoints: LbEndpoint[] }>();
  for (const endpoint of endpoints) {
    const { locality, priority = 0 } = endpoint;
    const place = locality === undefined ? '' : [locality.region, locality.zone, locality.subzone].join('/');
    const key = `${String(priority).padStart(10, '0')} ${place}`;
    const group = groups.get(key) ?? { first: endpoint, lbEndpoints: [] };
    group.lbEndpoints.push(translate(endpoint));
    groups.set(key, group);
  }
  const sorted = [...groups].sort(([left], [right]) => (left < right ? -1 : 1));
  return sorted.map(([, { first, lbEndpoints }]) => {
    const { locality, priority = 0, localityWeight } = first;
    return {
      ...(locality === undefined
        ? {}
        : { locality: { region: locality.region, zone: locality.zone, subZone: locality.subzone } }),
      lbEndpoints,
      priority,
      // Envoy knows no weight of 0: without one a locality is not chosen.
      ...(localityWeight === undefined || localityWeight === 0 ? {} : { loadBalancingWeight: localityWeight }),
    };
  });
}

function lbEndpoint(endpoint: EndpointAddress & Pick<Partial<EndpointDecision>, 'version'>): LbEndpoint {
  const { address, port, weight, healthy } = endpoint;
  return message(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: socketAddress(address, port) } },
    loadBalancingWeight: Math.max(1, weight),
    ...(healthy === false && { healthStatus: HealthStatus.UNHEALTHY }),
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
