import type { Labels, Protocol } from './policy.ts';

export interface ServiceSpec {
  readonly selector: Labels;
  readonly ports: readonly ServicePortSpec[];
  /** Its cluster addresses; empty where it is headless. */
  readonly addresses: readonly string[];
  /** Of the annotation `networking.istio.io/exportTo`; empty: `*` (D19). */
  readonly exportTo: readonly string[];
}

export interface ServicePortSpec {
  readonly name?: string;
  readonly port: number;
  /** Number or name of a workload port; absent: the service port. */
  readonly targetPort?: number | string;
  /** The protocol by P28, and whether it was declared at all (else `tcp`, WEFT0118). */
  readonly protocol: Protocol;
  readonly declared: boolean;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePortSpec[];
  readonly location: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';
  readonly endpoints: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: Labels;
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
}

export interface WorkloadEntrySpec {
  /** IPv4 or IPv6 address, or a DNS name. */
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly serviceAccount?: string;
  readonly locality?: Locality;
  readonly weight?: number;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}
