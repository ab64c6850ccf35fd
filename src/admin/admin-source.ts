import type { Actor, AuditEvent } from '../model/audit-event.ts';
import type { AuthorityCertificate, CertificateAlarmStatus } from '../model/certificate-status.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Failure } from '../model/failure.ts';
import type { SpiffeId } from '../model/identity.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Labels } from '../model/policy.ts';
import type { RegistryKnowledge } from '../model/registry-knowledge.ts';
import type { RotationStatus, RotationStep } from '../model/rotation-status.ts';
import type { RouteAnswer, RouteQuestion } from '../model/route-answer.ts';
import type { Secret } from '../model/secret.ts';
import type {
  AuthorityStatus,
  CertificateStatus,
  PolicyStatus,
  ProxyStatus,
  RefusedResource,
  Rejection,
  RevisionStatus,
  SyncState,
  XdsType,
} from '../model/status.ts';
import type { EdgeRow } from '../model/traffic.ts';
import type { AuthorizationWindow } from './authorization-window.ts';
import type { PolicyWindows } from './policy-windows.ts';

/** What a person may do; each role includes the one before. */
export type Role = 'viewer' | 'operator' | 'admin';

/** What became of an attempt to offer a refused resource again. */
export interface ReleaseReport {
  readonly resource: string;
  /** How many refusals were forgotten. */
  readonly released: number;
  /** The proxies that were told to come again, since they refused it themselves. */
  readonly proxies: readonly string[];
}

/** Who asks, as the credential says: a person with a role, or a workload by its identity. */
export type Caller = { readonly role: Role } | { readonly workload: SpiffeId };

/**
 * All that the admin API shows, as functions that return the value of this moment. Admin reads and never reaches: nothing here
 * hands out a store, a stream or a key. Every value is fit to be shown; secrets are redacted by whoever made the value (T6).
 */
export interface AdminSource {
  readonly version: VersionInfo;
  /** Ready means that policies, registry, tokens and CA are loaded (F2); the age of a source never makes it unready. */
  readiness(): Readiness;
  /** Who holds this bearer token; undefined for an unknown, revoked or expired one. Compares in constant time. */
  authenticate(bearer: string): Promise<Caller | undefined> | Caller | undefined;
  policies(): PolicyReport;
  /** Whether a commit is another one or comes after it, as the policy repository says. */
  includes(commit: string, earlier: string): Promise<boolean>;
  /** Undefined until the first one was built. */
  mesh(): Mesh | undefined;
  /** Sorted by namespace and name. */
  proxies(): readonly ProxyStatus[];
  /** Every open stream, oldest first. */
  streams(): readonly StreamReport[];
  /** What proxies refused and is withheld until it changes, newest first. */
  refused(): readonly RefusedResource[];
  /** Offers what was refused under this name again. */
  release(resource: string, by?: Actor): ReleaseReport;
  /** What a proxy should hold, in the shape of Envoy's own config dump; undefined if no such proxy (`<name>.<namespace>`) is known. */
  configDump(proxyId: string): ConfigDump | undefined;
  /** What policies make of proxies, services and workloads. */
  readonly windows: PolicyWindows;
  /** Which rule takes a call, and why; throws Failure WEFT0920 for a caller that is not known, WEFT0901 before there is a mesh. */
  route(question: RouteQuestion): RouteAnswer;
  /** Who may call what. */
  readonly authorization: AuthorizationWindow;
  /** Calls of the last `windowMilliseconds`, one row for each caller and callee. */
  edges(windowMilliseconds: number): readonly EdgeRow[];
  /** Istio's metric family in Prometheus text (section 6 of experience.md). */
  meshMetrics(): string;
  /** Counters and histograms that only their owners can keep; gauges that follow from the values above are made by admin. */
  metrics(): readonly MetricFamily[];
  readonly tokens: TokenDesk;
  /** The newest events of the audit log, oldest first. */
  audit(): readonly AuditEvent[];
  certificates(): CertificateReport;
  readonly rotation: RotationDesk;
  /** The settings in force with their origins. */
  settings(): readonly SettingReport[];
  /** Sources of the registry, in the order in which they win. */
  sources(): readonly RegistrySourceReport[];
  /** What a commit is judged by besides its text and who is connected. */
  knowledge(): RegistryKnowledge;
  /** Looks at the policy repository now; resolves when `policies()` says what it found. */
  refreshPolicies(by?: Actor): Promise<void>;
}

export interface VersionInfo {
  /** Weft's own version. */
  readonly server: string;
  /** The pinned Envoy, `1.40.0`. */
  readonly envoy: string;
  /** The name of this control plane instance, `cp-1`. */
  readonly replica: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** What is still missing, in words; empty when ready. */
  readonly waitingFor: readonly string[];
  /** The newest commit, where it has errors and no good one is known. */
  readonly rejected?: Pick<RevisionStatus, 'commit' | 'errors'>;
}

export interface PolicyReport {
  readonly status: PolicyStatus;
  /** Newest first. */
  readonly history: readonly RevisionStatus[];
  /** All findings of the newest commit. */
  readonly diagnostics: readonly Diagnostic[];
  /** The repository cannot be read at present. */
  readonly failure?: Failure;
}

/** One open ADS stream. Times are ISO. */
export interface StreamReport {
  /** Unique among all streams of this instance. */
  readonly connection: string;
  readonly proxyId: string;
  readonly identity: SpiffeId;
  readonly address: string;
  readonly connectedSince: string;
  readonly variant: 'delta' | 'sotw';
  /** The node as the first request stated it, without its extensions. */
  readonly node: { readonly id: string; readonly cluster: string; readonly userAgent: string };
  /** In push order. */
  readonly subscriptions: readonly SubscriptionReport[];
}

export interface SubscriptionReport {
  readonly type: XdsType;
  readonly typeUrl: string;
  readonly status: SyncState;
  readonly wildcard: boolean;
  /** Names asked for one by one, sorted. */
  readonly names: readonly string[];
  /** Resources held. */
  readonly resources: number;
  readonly sentVersion: string;
  readonly sentNonce: string;
  readonly sentAt?: string;
  readonly ackedVersion: string;
  readonly ackedAt?: string;
  readonly rejection?: Rejection;
}

/** `{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump",..}]}` */
export interface ConfigDump {
  readonly configs: readonly ConfigDumpPart[];
}

export type ConfigDumpPart = { readonly '@type': string } & Readonly<Record<string, unknown>>;

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** One Prometheus metric with its samples. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** Of a histogram: `_bucket` (with the label `le`), `_sum`, `_count`. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What one token is good for; the secret itself is not in it. Times are ISO. */
export interface TokenReport {
  readonly id: string;
  /** `join`: spent by joining. `credential`: sent by a bare Envoy until it is revoked or over. `person`: a user of this API. */
  readonly kind: 'join' | 'credential' | 'person';
  /** How often it can still be joined with. */
  readonly uses?: number;
  /** The token that was spent for this credential. */
  readonly from?: string;
  /** Whom it makes of its holder: one of these; absent for a person. */
  readonly identities?: readonly SpiffeId[];
  readonly role?: Role;
  /** Whoever joins is one of these; absent for a person. */
  readonly services?: readonly string[];
  readonly namespace?: string;
  readonly createdAt: string;
  /** Absent: does not expire. */
  readonly expires?: string;
  /** CIDRs in which a registered address must lie; absent: only the address of the stream. */
  readonly cidrs?: readonly string[];
  readonly ports?: readonly number[];
  /** Labels that Services may select a holder by, besides `app: <service>`. */
  readonly labels?: Labels;
  /** The WorkloadGroup that a holder joins. */
  readonly group?: string;
  /** Who made it, in words. */
  readonly createdBy: string;
  readonly revoked: boolean;
  /** Its time is over. */
  readonly expired?: true;
  /** Its uses are worth nothing: a rotation has taken the root that it pins, and whoever joins with it takes the server for another one (WEFT0915). */
  readonly rootGone?: true;
}

/** A credential for the workloads of some services; there are no others yet, so nothing else can be asked for. */
export interface TokenRequest {
  readonly services: readonly [string, ...string[]];
  readonly namespace: string;
  /** Absent: the name of the service that a holder is of. */
  readonly serviceAccount?: string;
  /** Absent: until it is revoked. */
  readonly ttlMilliseconds?: number;
  /** How often it can be joined with; absent: a reusable credential. */
  readonly uses?: number;
  /** CIDRs in which the registered address must lie; absent: only the address that the stream comes from. */
  readonly cidrs?: readonly string[];
  /** Application ports that may be registered; absent: any. */
  readonly ports?: readonly number[];
  /** Labels that Services may select a holder by, besides `app: <service>`. */
  readonly labels?: Labels;
  /** The WorkloadGroup that a holder joins; absent: the one of the service's name, if it asks for it. */
  readonly group?: string;
}

export interface TokenDesk {
  /** Sorted by creation. */
  list(): readonly TokenReport[];
  /** The secret is returned this once. Throws Failure for names that are none. */
  create(request: TokenRequest, by?: Actor): Promise<{ readonly token: TokenReport; readonly secret: Secret<string> }>;
  /** False if there is no such token. */
  revoke(id: string, by?: Actor): Promise<boolean>;
}

export interface CertificateReport {
  /** Undefined until the CA is loaded. */
  readonly authority?: AuthorityStatus;
  /** The authority's root, PEM: public, and what a `weft bootstrap` must pin. */
  readonly rootCertificates: string;
  readonly certificates: readonly CertificateStatus[];
  /** Of each root that is trusted: its certificate and that of the issuer under it, the longest trusted first. */
  readonly authorities: readonly AuthorityCertificate[];
  /** The most pressing first. */
  readonly alarms: readonly CertificateAlarmStatus[];
}

/** The change of root (F9): what is proved, and its steps. */
export interface RotationDesk {
  status(): RotationStatus;
  /** Takes a step, or finds that it is taken. Rejects with Failure WEFT0306, with the proxies that are awaited in its message. */
  step(step: RotationStep, by: Actor): Promise<RotationStatus>;
  /** Nobody trusts this root soon, with proof or without; absent: the one that signs, or signed before. Rejects with Failure WEFT0306. */
  distrust(fingerprint: string | undefined, by: Actor): Promise<RotationStatus>;
}

export interface SettingReport {
  readonly key: string;
  readonly value: string | number | boolean | readonly string[];
  /** `default`, `--flag`, or `weft.yaml:4`. */
  readonly from: string;
}

export interface RegistrySourceReport {
  readonly name: string;
  readonly workloads: number;
  /** Ids that an earlier source has, too. */
  readonly clashes: readonly string[];
}
