import type { PolicySet } from './policy.ts';
import type { Service, ServiceEndpoints, ServiceKey } from './service.ts';
import type { Workload } from './workload.ts';

/** Settings of the whole mesh that are not policies. */
export interface MeshSettings {
  /** D16 unless `weft.yaml` says otherwise. */
  readonly trustDomain: string;
  /** Names that it had before (`ca.acceptFormer`), of which certificates are still about; absent: none. */
  readonly formerTrustDomains?: readonly string[];
  /** `cluster.local` (D16). */
  readonly dnsSuffix: string;
  /** `istio-system` (D16), or what `weft.yaml` says: MeshConfig may state another (`rootNamespaceOf`). */
  readonly rootNamespace: string;
  /** Ports that declare no protocol are looked at (P28); absent: they are TCP. */
  readonly protocolDetection?: 'auto';
  /** Where `weft.yaml` states it, `weft.yaml:4`: then MeshConfig must agree. */
  readonly rootNamespaceFrom?: string;
}

/**
 * All that the mesh's configuration depends on, as one immutable value. Parts that did not change keep their identity from one
 * Mesh to the next (a changed endpoint changes `endpoints` and one entry of it, no `services`), so work is remembered on them.
 */
export interface Mesh {
  readonly generation: number;
  readonly settings: MeshSettings;
  readonly policies: PolicySet;
  /** Sorted by key. */
  readonly services: readonly Service[];
  readonly endpoints: ReadonlyMap<ServiceKey, ServiceEndpoints>;
  /** By workload id. */
  readonly workloads: ReadonlyMap<string, Workload>;
  /** Local port of a service's port, one for the whole mesh (section 7 of experience.md); key `<service key>:<port>`. */
  readonly localPorts: ReadonlyMap<string, number>;
  /** Fingerprint of the last root that was in wrong hands: connections from before its end are not kept. */
  readonly distrustedRoot?: string;
}

/** The key of Mesh.localPorts. */
export function localPortKey(service: ServiceKey, port: number): string {
  return `${service}:${port}`;
}
