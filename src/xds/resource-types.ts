/** Type URLs of the resources that Weft serves. */
export const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const endpointType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const listenerType = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** What the protocol says about a resource type. */
export interface ResourceType {
  /** Place in the push order of a stream, X86: lower goes first. */
  readonly order: number;
  /** LDS and CDS: an empty first subscription means everything (X48, X63), and a SotW response is the whole set (X51). */
  readonly wildcard: boolean;
  /** RDS and SDS: one resource per response, so that a NACK names its culprit (X44, E16). */
  readonly single: boolean;
}

const known: ReadonlyMap<string, ResourceType> = new Map([
  [clusterType, { order: 0, wildcard: true, single: false }],
  [endpointType, { order: 1, wildcard: false, single: false }],
  [listenerType, { order: 2, wildcard: true, single: false }],
  [routeType, { order: 3, wildcard: false, single: true }],
  [secretType, { order: 4, wildcard: false, single: true }],
]);

const other: ResourceType = { order: 5, wildcard: false, single: false };

/** The traits of a type URL; one that nobody knows is served like any other, after the rest (X4). */
export function resourceType(typeUrl: string): ResourceType {
  return known.get(typeUrl) ?? other;
}
