import type { SpiffeId } from './identity.ts';
import type { Labels } from './policy.ts';
import type { EndpointsOut, HeldOut } from './traffic.ts';

/** What a proxy said about the newest configuration (words of experience.md, introduction). */
export type SyncState = 'SYNCED' | 'PENDING' | 'STALE' | 'REJECTED' | '-';

const worstFirst: readonly SyncState[] = ['REJECTED', 'STALE', 'PENDING', 'SYNCED', '-'];

/** What counts of several; `-` of none. */
export function worstOf(states: readonly SyncState[]): SyncState {
  return worstFirst.find((state) => states.includes(state)) ?? '-';
}

export type XdsType = 'CDS' | 'LDS' | 'EDS' | 'RDS' | 'VHDS' | 'SDS' | 'ECDS';
export const xdsTypes: readonly XdsType[] = ['CDS', 'LDS', 'EDS', 'RDS', 'VHDS', 'SDS', 'ECDS'];

/** The line of a policy that led to something. */
export interface PolicyPlace {
  /** `VirtualService/shop/reviews` */
  readonly ref: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly commit: string;
  /** The field that changed, or the rule, where one is known: `spec.http[0].timeout`. */
  readonly field?: string;
  /** ISO time of the commit; absent where it is too old to be known. */
  readonly committedAt?: string;
}

/** A refused configuration: always with Envoy's words. */
export interface Rejection {
  /** ISO time. */
  readonly at: string;
  readonly message: string;
  readonly resources: readonly string[];
  /** The proxy that refused it, where this one was not even offered it: they are of the same view and version (X38). */
  readonly refusedBy?: string;
  readonly source?: PolicyPlace;
}

/** Newer content that a proxy does not hold and is not offered, since it was refused: until it changes (X38), unless it is the proxy's own trouble. */
export interface WithheldResource {
  readonly resource: string;
  /** Of the content that is withheld. */
  readonly version: string;
  /** Of what the proxy has in its place; absent: it has nothing of that name. */
  readonly served?: string;
  /** The first proxy that refused it; perhaps this one itself. */
  readonly refusedBy: string;
  /** It is the trouble of this proxy's machine, a port that is taken for example: equals are offered it, and so is this one when it comes again. */
  readonly own?: true;
  /** ISO time. */
  readonly at: string;
  readonly message: string;
  readonly source?: PolicyPlace;
}

export interface TypeStatus {
  readonly status: SyncState;
  /** The last version sent; empty if none. */
  readonly version: string;
  readonly nonce: string;
  /** Names that the proxy holds or asked for. */
  readonly resources: number;
  /** ISO times of the last response and the last acknowledgement; absent: none on this stream. */
  readonly sentAt?: string;
  readonly ackedAt?: string;
  /** Set if and only if REJECTED. */
  readonly error?: Rejection;
  /** Absent: nothing. */
  readonly withheld?: readonly WithheldResource[];
  /** How many names are still to be taken away, where that is all that is owed and nothing is on its way; absent: none. */
  readonly removing?: number;
}

/** A resource that proxies refused, as `/debug/nackz` lists it. */
export interface RefusedResource {
  readonly type: XdsType;
  readonly resource: string;
  /** What the proxies that it is kept from have in common: the shared view, or the one proxy. */
  readonly scope: string;
  /** The software that refused it: another version may be offered it. */
  readonly agent: string;
  readonly refusedVersion: string;
  /** What stands in its place; absent: nothing, or each proxy's own. */
  readonly servedVersion?: string;
  readonly message: string;
  /** ISO time of the first refusal. */
  readonly at: string;
  readonly firstRefusedBy: string;
  /** How many proxies refused it. */
  readonly refusals: number;
  /** `equals`: from every proxy of this scope and agent; `refusers`: only from those that refused it, since an equal one accepted it. */
  readonly withheldFrom: 'equals' | 'refusers';
  /** It is what proxies would get now; false: kept in mind, should it come back. */
  readonly wanted: boolean;
  readonly source?: PolicyPlace;
  /** What to do about it. */
  readonly fix: string;
}

/** Why a probe calls a workload unhealthy, and since when (ISO time). */
export interface WorkloadTrouble {
  readonly reason: string;
  readonly since: string;
}

/** The whole configuration of a proxy, in all types. */
export interface ProxyCost {
  readonly clusters: number;
  /** As encoded. */
  readonly bytes: number;
}

/** `ejected`, `unhealthy`: what it holds out at present, by destination; absent: nothing, or its Envoy does not report. */
export interface ProxyStatus extends HeldOut<readonly DestinationOut[]> {
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly labels: Labels;
  readonly identity: SpiffeId;
  readonly envoyVersion: string;
  /** The control plane instance that holds its stream. */
  readonly replica: string;
  readonly address: string;
  /** ISO time. */
  readonly connectedSince: string;
  readonly status: SyncState;
  readonly revision: { readonly serving: string; readonly wanted: string };
  /** From the newest configuration to its last acknowledgement. */
  readonly ackMilliseconds?: number;
  /** The WorkloadGroup that its workload joined. */
  readonly group?: string;
  /** Set where it is beyond the budget (WEFT0501). */
  readonly cost?: ProxyCost;
  /** Set while probes find its application unhealthy: callers are sent elsewhere. */
  readonly trouble?: WorkloadTrouble;
  readonly types: Readonly<Record<XdsType, TypeStatus>>;
}

/** What a proxy holds out of a destination's endpoints. */
export interface DestinationOut extends EndpointsOut {
  /** `reviews.shop:9080 v1` */
  readonly destination: string;
}

/** `Partial`: served but for the namespaces that are held back (policy.isolate). */
export type RevisionState = 'Applied' | 'Partial' | 'Rolling' | 'Rejected' | 'Suspended';

/** A namespace whose newest objects are not served, as something in them is wrong, and the commit that its served ones are of. */
export interface HeldNamespace {
  readonly namespace: string;
  /** Absent: nothing of the namespace was ever good, and nothing is served. */
  readonly commit?: string;
}

/** A commit of the policy repository and what became of it. */
export interface RevisionStatus {
  readonly commit: string;
  readonly author: string;
  readonly subject: string;
  /** ISO time of the commit. */
  readonly time: string;
  readonly state: RevisionState;
  readonly errors: number;
  readonly warnings: number;
  /** Sorted by namespace; absent: nothing is held back, or all. */
  readonly held?: readonly HeldNamespace[];
}

export interface PolicyStatus {
  readonly repository: string;
  /** What is served; undefined until a first good commit was found. */
  readonly serving?: RevisionStatus;
  /** The newest commit, if it is not the one served. */
  readonly pending?: RevisionStatus;
  readonly objects: number;
  readonly files: number;
}

/** One identity's certificate. Times are ISO. */
export interface CertificateStatus {
  readonly identity: SpiffeId;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly renewsAt: string;
  readonly holders: number;
  /** Fingerprint of the root that it is under. */
  readonly root: string;
  /** The proxy that made its key and keeps it; absent: the key was made here and is sent by SDS. */
  readonly ownKeyOf?: string;
}

export interface AuthorityStatus {
  readonly trustDomain: string;
  readonly rootNotAfter: string;
  readonly issuerNotAfter: string;
  /** SHA-256 of the root, as tokens carry it. */
  readonly fingerprint: string;
}
