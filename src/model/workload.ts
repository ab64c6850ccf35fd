import type { SpiffeId } from './identity.ts';
import type { Labels, Locality, Protocol } from './policy.ts';
import type { Provenance } from './provenance.ts';

export type Health = 'healthy' | 'unhealthy' | 'draining';

/** A running instance of an application (section 1.5 of policy-surface.md). */
export interface Workload {
  /** `<name>.<namespace>`, unique in the mesh; for a proxy also its node id. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** The service that a joined proxy named (from its credential); absent for WorkloadEntry files. */
  readonly service?: string;
  readonly serviceAccount?: string;
  /** Set when a mesh proxy with this identity stands before the application: then callers use mesh TLS (P35). */
  readonly identity?: SpiffeId;
  /** Where callers connect: an IP address, or a DNS name for a WorkloadEntry that has one. */
  readonly address: string;
  readonly ports: readonly WorkloadPort[];
  readonly locality?: Locality;
  /** Load-balancing weight, 1 if not stated. */
  readonly weight: number;
  readonly health: Health;
  readonly source: 'file' | 'proxy';
  /** The WorkloadEntry; absent for proxies. */
  readonly by?: Provenance;
}

export interface WorkloadPort {
  readonly name?: string;
  /** The application's own port: what policies name (P29). */
  readonly port: number;
  /** Where callers connect: the sidecar's inbound port, or `port` itself where no sidecar stands. */
  readonly endpointPort: number;
  /** Declared by a joined proxy; gives its implied Service its protocol. */
  readonly protocol?: Protocol;
}
