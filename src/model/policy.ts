import type { DestinationRuleSpec } from './destination-rule.ts';
import type { HealthCheckSpec } from './health-check.ts';
import type { MeshConfigSpec } from './mesh-config.ts';
import type { FieldRange, SourceRange } from './provenance.ts';
import type { ServiceEntrySpec, ServiceSpec, WorkloadEntrySpec } from './registry-objects.ts';
import type { AuthorizationPolicySpec, PeerAuthenticationSpec, RequestAuthenticationSpec } from './security-policy.ts';
import type { SidecarSpec } from './sidecar-policy.ts';
import type { VirtualServiceSpec } from './virtual-service.ts';
import type { WorkloadGroupSpec } from './workload-group.ts';

/** Milliseconds; a whole number. */
export type Millis = number;
export type Labels = Readonly<Record<string, string>>;

/**
 * A checked object of the policy tree: every field of `spec` is supported, typed and within its limits. `positions` maps a field
 * path (`spec.http[0].timeout`) to its place in the text; paths that were not written are absent.
 */
export interface PolicyObject<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: Spec;
  readonly at: SourceRange;
  /** Short commit id, or `<id>+edits`. */
  readonly commit: string;
  readonly positions: ReadonlyMap<string, FieldRange>;
}

export type Policy =
  | ServiceObject
  | ServiceEntryObject
  | WorkloadEntryObject
  | WorkloadGroupObject
  | VirtualServiceObject
  | DestinationRuleObject
  | PeerAuthenticationObject
  | AuthorizationPolicyObject
  | RequestAuthenticationObject
  | HealthCheckObject
  | SidecarObject
  | MeshConfigObject;

export type ServiceObject = PolicyObject<'Service', ServiceSpec>;
export type ServiceEntryObject = PolicyObject<'ServiceEntry', ServiceEntrySpec>;
export type WorkloadEntryObject = PolicyObject<'WorkloadEntry', WorkloadEntrySpec>;
export type WorkloadGroupObject = PolicyObject<'WorkloadGroup', WorkloadGroupSpec>;
export type VirtualServiceObject = PolicyObject<'VirtualService', VirtualServiceSpec>;
export type DestinationRuleObject = PolicyObject<'DestinationRule', DestinationRuleSpec>;
export type HealthCheckObject = PolicyObject<'HealthCheck', HealthCheckSpec>;
export type SidecarObject = PolicyObject<'Sidecar', SidecarSpec>;
export type PeerAuthenticationObject = PolicyObject<'PeerAuthentication', PeerAuthenticationSpec>;
export type AuthorizationPolicyObject = PolicyObject<'AuthorizationPolicy', AuthorizationPolicySpec>;
export type RequestAuthenticationObject = PolicyObject<'RequestAuthentication', RequestAuthenticationSpec>;
/** The one of `meshconfig.yaml`: `MeshConfig/<root namespace>/mesh`; its field paths begin at the top of the file. */
export type MeshConfigObject = PolicyObject<'MeshConfig', MeshConfigSpec>;

/** What a commit (or a working tree) says, whole and checked; objects are sorted by kind, namespace, name (P51). */
export interface PolicySet {
  readonly commit: string;
  readonly objects: readonly Policy[];
}

/** The protocols of P28. `https` and `tls` are opaque bytes, chosen by SNI; `auto` is what nobody can write: the first bytes tell. */
export type Protocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'mongo'
  | 'mysql'
  | 'redis'
  | 'auto';
