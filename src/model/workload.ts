import type { SpiffeId } from './identity.ts';
import type { Labels, Millis, Protocol } from './policy.ts';
import type { Provenance } from './provenance.ts';
import type { Locality } from './registry-objects.ts';
import { selects } from './selector.ts';

export type Health = 'healthy' | 'unhealthy' | 'draining';

/** A running instance of an application (section 1.5 of policy-surface.md). */
export interface Workload {
  /** `<name>.<namespace>`, unique in the mesh; for a proxy also its node id. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Those of its labels that the credential of a joined proxy vouches for; absent for WorkloadEntry files, where git vouches for all. */
  readonly granted?: Labels;
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
  /** Why a probe calls it unhealthy, and since when (milliseconds since 1970). */
  readonly trouble?: HealthTrouble;
  /** The WorkloadGroup that it joined. */
  readonly group?: GroupMembership;
  readonly source: 'file' | 'proxy';
  /** The WorkloadEntry; absent for proxies. */
  readonly by?: Provenance;
}

/** What is known of a health: whoever nobody probes is called, well or not. */
export function knownHealth(health: Health, workload: Pick<Workload, 'group'> | undefined): Health | 'not probed' {
  return health === 'healthy' && !workload?.group?.probed ? 'not probed' : health;
}

export interface HealthTrouble {
  readonly reason: string;
  readonly since: Millis;
}

export interface GroupMembership {
  readonly name: string;
  /** Of the group's metadata: shown, and nothing acts on them. */
  readonly annotations?: Labels;
  /** A probe of the group decides its health. */
  readonly probed?: true;
  /** What it says of itself and its group says otherwise, which holds: its next join is refused. */
  readonly contradiction?: string;
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

/**
 * True if a workload is an endpoint of what has this selector: all labels are equal (section 1.5) and, where the workload says them of
 * itself, its credential vouches for at least one of them. Otherwise any token of the namespace could claim its way into another's
 * traffic (T1). An empty selector asks for no claim.
 */
export function isEndpointFor(selector: Labels, workload: Workload): boolean {
  const keys = Object.keys(selector);
  if (!selects(selector, workload.labels)) return false;
  return keys.length === 0 || workload.source === 'file' || keys.some((key) => isGranted(workload, key));
}

/** True if a workload has all labels of a selector and is yet no endpoint for it, as it only claims them. */
export function onlyClaims(selector: Labels, workload: Workload): boolean {
  return selects(selector, workload.labels) && !isEndpointFor(selector, workload);
}

function isGranted({ granted, labels }: Workload, key: string): boolean {
  return granted !== undefined && Object.hasOwn(granted, key) && granted[key] === labels[key];
}
