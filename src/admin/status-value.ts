import type { CertificateAlarmStatus } from '../model/certificate-status.ts';
import type { RotationStatus } from '../model/rotation-status.ts';
import type { RevisionStatus, SyncState } from '../model/status.ts';
import type { AdminSource, RegistrySourceReport } from './admin-source.ts';
import type { CommitAnswer } from './commit-answer.ts';
import { envelope } from './envelope.ts';
import { type HealthReport, healthOf } from './health.ts';

/** What `weft status` prints (section 2.3 of experience.md). Times are ISO, durations milliseconds. */
export interface StatusValue {
  readonly apiVersion: string;
  readonly kind: string;
  readonly policies: {
    readonly repository: string;
    readonly serving?: RevisionStatus;
    readonly objects: number;
    readonly files: number;
    /** Why the repository cannot be read at present. */
    readonly failure?: { readonly code: string; readonly message: string; readonly hint: string };
  };
  /** Findings of the newest commit as they are now: workloads that join and leave change them. */
  readonly findings: { readonly errors: number; readonly warnings: number };
  /** The newest commit, where it is not the one served. */
  readonly pending?: RevisionStatus;
  readonly proxies: {
    readonly connected: number;
    readonly byStatus: Readonly<Partial<Record<SyncState, number>>>;
    /** How many acknowledged the last change, and after how long the last of them did. */
    readonly acknowledged: number;
    readonly ackMilliseconds?: number;
  };
  readonly health: HealthReport;
  readonly certs: {
    readonly valid: number;
    readonly nextRenewal?: string;
    readonly rootNotAfter?: string;
    /** What ends soon (WEFT0302), the most pressing first. */
    readonly alarms: readonly CertificateAlarmStatus[];
    /** A change of root that is under way. */
    readonly rotation?: Pick<RotationStatus, 'phase' | 'next' | 'proxies' | 'acked' | 'deadlines'>;
  };
  readonly sources: readonly RegistrySourceReport[];
  /** How far the commit is that was asked about. */
  readonly commit?: CommitAnswer;
}

/** The state of the whole in one value; `now` in milliseconds since 1970. */
export function statusValue(source: AdminSource, now = Date.now()): StatusValue {
  const { status, failure, diagnostics } = source.policies();
  const proxies = source.proxies();
  const { authority, certificates, alarms } = source.certificates();
  const { phase, next, proxies: live, acked, deadlines } = source.rotation.status();
  const byStatus: Partial<Record<SyncState, number>> = {};
  for (const proxy of proxies) byStatus[proxy.status] = (byStatus[proxy.status] ?? 0) + 1;
  const acks = proxies.flatMap((proxy) => (proxy.status === 'SYNCED' ? (proxy.ackMilliseconds ?? []) : []));
  const valid = certificates.filter((certificate) => Date.parse(certificate.notAfter) > now);
  const nextRenewal = valid.map((certificate) => certificate.renewsAt).sort()[0];
  return envelope('Status', {
    policies: {
      repository: status.repository,
      ...(status.serving ? { serving: status.serving } : {}),
      objects: status.objects,
      files: status.files,
      ...(failure ? { failure: { code: failure.code, message: failure.message, hint: failure.hint } } : {}),
    },
    findings: {
      errors: diagnostics.filter(({ severity }) => severity === 'error').length,
      warnings: diagnostics.filter(({ severity }) => severity === 'warning').length,
    },
    ...(status.pending ? { pending: status.pending } : {}),
    proxies: {
      connected: proxies.length,
      byStatus,
      acknowledged: byStatus.SYNCED ?? 0,
      ...(acks.length === 0 ? {} : { ackMilliseconds: Math.max(...acks) }),
    },
    health: healthOf(source),
    certs: {
      valid: valid.length,
      ...(nextRenewal === undefined ? {} : { nextRenewal }),
      ...(authority === undefined ? {} : { rootNotAfter: authority.rootNotAfter }),
      alarms,
      ...(next === undefined
        ? {}
        : { rotation: { phase, next, proxies: live, acked, ...(deadlines && { deadlines }) } }),
    },
    sources: source.sources(),
  });
}
