import type { ConnectionPool } from './destination-rule.ts';
import type { Labels, Protocol } from './policy.ts';

/** What a proxy's two halves are limited to; a part that is absent falls to its default, never to a wider Sidecar (P7). */
export interface SidecarSpec {
  /** Absent: every workload of the namespace; in the root namespace those of every namespace. */
  readonly workloadSelector?: Labels;
  /** Absent: all services that are visible, behind no ports of their own (D20). */
  readonly egress?: readonly SidecarEgress[];
  readonly ingress: readonly SidecarIngress[];
  /** Of every port to the program; an ingress that has its own replaces it whole. */
  readonly inboundConnectionPool?: ConnectionPool;
  /** Absent: as MeshConfig says (D18). */
  readonly outboundTrafficPolicy?: 'ALLOW_ANY' | 'REGISTRY_ONLY';
}

/** Imported services, and perhaps a listener of their own. */
export interface SidecarEgress {
  readonly hosts: readonly ImportedHosts[];
  readonly listener?: SidecarListener;
}

/** P8: which services of which namespaces. */
export interface ImportedHosts {
  /** As written: `./*`. */
  readonly text: string;
  /** `*`, a name, or `.`: the namespace of the proxy. */
  readonly namespace: string;
  /** `*`, `*.x`, or a full name in canonical form. */
  readonly host: string;
  /** Written with `~`: not these, whatever else is imported. */
  readonly excluded: boolean;
}

/** An explicit outbound listener: at an address (absent: where the proxy's other outbound listeners are) and port, or at a socket. */
export type SidecarListener = { readonly name?: string; readonly protocol: Protocol } & (
  | { readonly kind: 'port'; readonly port: number; readonly bind?: string }
  | { readonly kind: 'socket'; readonly path: string }
);

/** What stands before one port of the program. */
export interface SidecarIngress {
  readonly port: number;
  /** Absent: as without Sidecar. */
  readonly protocol?: Protocol;
  /** Where callers connect; absent: where the proxy's inbound listeners are. */
  readonly bind?: string;
  /** Where the program is; absent: on loopback, at the same port. */
  readonly endpoint?: ProgramEndpoint;
  readonly connectionPool?: ConnectionPool;
}

/** `loopback` is the program's own loopback address; `workload` the address by which callers know the workload. */
export type ProgramEndpoint =
  | { readonly kind: 'loopback' | 'loopback-v6' | 'workload'; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };
