/** Type URL of CDS. */
export const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
/** Type URL of EDS. */
export const endpointType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
/** Type URL of LDS. */
export const listenerType = 'type.googleapis.com/envoy.config.listener.v3.Listener';
/** Type URL of RDS. */
export const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
/** Type URL of SRDS. */
export const scopedRouteType = 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration';
/** Type URL of VHDS. */
export const virtualHostType = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';
/** Type URL of SDS. */
export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
/** Type URL of ECDS. */
export const extensionType = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
/** Type URL of RTDS. */
export const runtimeType = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';

/** What the protocol says about a resource type. */
export interface ResourceType {
  readonly typeUrl: string;
  /** Place in the push order of a stream, X86: lower goes first. */
  readonly order: number;
  /** LDS and CDS: an empty first subscription means everything (X48, X63), and a SotW response is the whole set (X51). */
  readonly wildcard: boolean;
  /** RDS and SDS: one resource per response, so that a NACK names its culprit (X44, E16). */
  readonly single: boolean;
  /** Refers to other types, so that it is switched once these are there (section 5). */
  readonly switches: boolean;
  /**
   * What is said of a name that does not exist, where a removal cannot be said or does harm: `empty` a message of that
   * name and nothing else, in SotW or in both variants (X90, X115); `absent` a resource without content (X72, X111), to some only
   * where the client never had it.
   */
  readonly missing: 'removed' | 'empty-in-sotw' | 'empty' | 'absent' | 'absent-if-unknown';
}

const plain = { wildcard: false, single: false, switches: false, missing: 'removed' } as const;

const known: ReadonlyMap<string, ResourceType> = new Map(
  [
    { ...plain, typeUrl: clusterType, order: 0, wildcard: true },
    { ...plain, typeUrl: endpointType, order: 1, missing: 'empty-in-sotw' as const },
    { ...plain, typeUrl: listenerType, order: 2, wildcard: true, switches: true },
    { ...plain, typeUrl: routeType, order: 3, single: true, switches: true },
    { ...plain, typeUrl: scopedRouteType, order: 4, wildcard: true, switches: true },
    { ...plain, typeUrl: virtualHostType, order: 5, switches: true, missing: 'absent' as const },
    { ...plain, typeUrl: secretType, order: 6, single: true },
    { ...plain, typeUrl: extensionType, order: 7, single: true, switches: true },
    { ...plain, typeUrl: runtimeType, order: 8, missing: 'empty' as const },
  ].map((type) => [type.typeUrl, type]),
);

/**
 * VHDS where all virtual hosts are sent, asked for or not: a set as that of LDS and CDS is. One that is gone is removed; one that never was,
 * and that Envoy's filter `on_demand` asks for, is absent: a request waits for the answer (E27).
 */
export const allVirtualHosts: ResourceType = {
  ...plain,
  typeUrl: virtualHostType,
  order: 5,
  wildcard: true,
  switches: true,
  missing: 'absent-if-unknown',
};

/** The traits of a type URL; one that nobody knows is served like any other, after the rest (X4). */
export function resourceType(typeUrl: string): ResourceType {
  return known.get(typeUrl) ?? { ...plain, typeUrl, order: 9 };
}
