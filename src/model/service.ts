import type { SpiffeId } from './identity.ts';
import type { Labels, Protocol } from './policy.ts';
import type { Provenance } from './provenance.ts';
import type { Locality } from './registry-objects.ts';
import type { Health } from './workload.ts';

declare const serviceKey: unique symbol;
/** `<namespace>/<host>`: one service of one namespace. */
export type ServiceKey = string & { readonly [serviceKey]: true };

export function serviceKeyOf(namespace: string, host: string): ServiceKey {
  return `${namespace}/${host}` as ServiceKey;
}

/**
 * What can be called: a `v1/Service`, one host of a ServiceEntry, or the implied Service of a workload that none selects.
 * It keeps its object identity while its own text does not change: endpoints live beside it (Mesh.endpoints).
 */
export interface Service {
  readonly key: ServiceKey;
  readonly namespace: string;
  /** Short name: `reviews`; for a ServiceEntry host, the host itself. */
  readonly name: string;
  /** Full name: `reviews.shop.svc.cluster.local`, or the host as the ServiceEntry writes it. */
  readonly host: string;
  readonly origin: 'service' | 'entry' | 'implied';
  /** MESH_EXTERNAL: never automatic mesh TLS (P35). */
  readonly external: boolean;
  /** How endpoints are found: the registry, DNS by the proxy (all answers, or the first), or by the request's own host. */
  readonly resolution: 'registry' | 'dns' | 'dns-round-robin' | 'request';
  /** VIPs or CIDRs. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  /** `*`, `.`, `~`, or namespaces (P6). */
  readonly exportTo: readonly string[];
  /** SANs that replace the workloads' identities as what a caller accepts (P36); empty: the workloads' own. */
  readonly subjectAltNames: readonly string[];
  /** The object; absent for implied services. */
  readonly by?: Provenance;
}

export interface ServicePort {
  readonly name?: string;
  readonly number: number;
  readonly protocol: Protocol;
}

/** One place where a service's port is served. Order within a list is by workload id, so equal sets have equal bytes. */
export interface Endpoint {
  readonly workload: string;
  readonly address: string;
  readonly port: number;
  /** The workload's own port, which policies name (P29), where its sidecar listens on another one. */
  readonly applicationPort?: number;
  readonly labels: Labels;
  readonly locality?: Locality;
  readonly weight: number;
  readonly health: Health;
  /** A probe of its workload's group decides its health: whoever fails it is not to be called. */
  readonly probed?: true;
  /** Set: mesh TLS with exactly this peer; absent: plaintext (P35). */
  readonly identity?: SpiffeId;
}

/** Endpoints by service port. */
export type ServiceEndpoints = ReadonlyMap<number, readonly Endpoint[]>;

/** True for the protocols that HTTP rules act on (P19), on `auto` of what is HTTP. */
export function isHttp(protocol: Protocol): boolean {
  return (
    protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web' || protocol === 'auto'
  );
}

/**
 * Whether each call says itself which host is meant, by its request or its server name, where a service is found by that. Plain connections
 * say nothing: they mean the addresses that are declared, or the one name.
 */
export function isNamedByCalls({ host }: Pick<Service, 'host'>, { protocol }: Pick<ServicePort, 'protocol'>): boolean {
  return isHttp(protocol) || host.startsWith('*');
}

/** P19: every layer whose rules act on a port. */
export function layersOf(protocol: Protocol): readonly ReturnType<typeof layerOf>[] {
  return protocol === 'auto' ? ['http', 'tcp'] : [layerOf(protocol)];
}

/** P19: whose rules act on connections to a port whose bytes are not read; undefined: none. */
export function connectionLayer(protocol: Protocol): 'tls' | 'tcp' | undefined {
  const layer = protocol === 'auto' ? 'tcp' : layerOf(protocol);
  return layer === 'http' ? undefined : layer;
}

/** P19: which rules of a VirtualService act on a port. `tls` and `https` are opaque bytes that tell a server name. */
export function layerOf(protocol: Protocol): 'http' | 'tls' | 'tcp' {
  if (isHttp(protocol)) return 'http';
  return protocol === 'tls' || protocol === 'https' ? 'tls' : 'tcp';
}
