import type { SpiffeId } from './identity.ts';
import type { Labels } from './policy.ts';

/** What a proxy said about the newest configuration (words of experience.md, introduction). */
export type SyncState = 'SYNCED' | 'PENDING' | 'STALE' | 'REJECTED' | '-';

export type XdsType = 'CDS' | 'LDS' | 'EDS' | 'RDS' | 'SDS';
export const xdsTypes: readonly XdsType[] = ['CDS', 'LDS', 'EDS', 'RDS', 'SDS'];

/** A refused configuration: always with Envoy's words. */
export interface Rejection {
  /** ISO time. */
  readonly at: string;
  readonly message: string;
  readonly resources: readonly string[];
  readonly source?: {
    readonly ref: string;
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly commit: string;
  };
}

export interface TypeStatus {
  readonly status: SyncState;
  /** The last version sent; empty if none. */
  readonly version: string;
  readonly nonce: string;
  /** Names that the proxy holds or asked for. */
  readonly resources: number;
  readonly error?: Rejection;
}

export interface ProxyStatus {
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
  readonly types: Readonly<Record<XdsType, TypeStatus>>;
}

export type RevisionState = 'Applied' | 'Rolling' | 'Rejected' | 'Suspended';

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
}

export interface AuthorityStatus {
  readonly trustDomain: string;
  readonly rootNotAfter: string;
  readonly issuerNotAfter: string;
  /** SHA-256 of the root, as tokens carry it. */
  readonly fingerprint: string;
}
