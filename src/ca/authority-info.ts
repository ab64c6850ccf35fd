import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import { type CertificateAlarm, certificateAlarm, endsWithin } from './certificate-alarm.ts';
import type { Issuers } from './issuers.ts';
import { type RootPhase, type RootSlot, type RootState, trustedRoots } from './root-rotation.ts';

/** What `weft status` and the metrics tell of the authority; no secrets. Times in milliseconds since 1970. */
export interface AuthorityInfo {
  readonly trustDomain: string;
  /** The root under which is signed. */
  readonly root: CertificateInfo & {
    readonly keyPresent: boolean;
    /** Set when the root ends within so many days: alarms at 30, 14, 7 and 1 (F11). 0: it has ended. */
    readonly endsWithinDays?: number;
  };
  readonly issuer: CertificateInfo & { readonly renewsAt: Millis };
  readonly phase: RootPhase;
  /** Every root that is trusted, the longest trusted first. */
  readonly roots: readonly RootInfo[];
  /** What ends soon; the most pressing first. */
  readonly alarms: readonly CertificateAlarm[];
  /** What keeps the issuer from being renewed, or the state from being saved. */
  readonly problem?: string;
}

export interface CertificateInfo {
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string;
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

export interface RootInfo extends CertificateInfo {
  readonly source: RootSlot['source'];
  readonly isSigning: boolean;
  readonly keyPresent: boolean;
  /** Absent: there is none, so nothing can be signed under this root here. */
  readonly issuer?: CertificateInfo;
}

/** Tells the state of an authority at `now`. */
export function describeAuthority(facts: {
  readonly trustDomain: string;
  readonly roots: RootState;
  readonly keyPresent: (fingerprint: string) => boolean;
  readonly issuers: Issuers;
  readonly problem: unknown;
  readonly now: Millis;
}): AuthorityInfo {
  const { trustDomain, roots, keyPresent, issuers, now } = facts;
  const { signing } = roots;
  const told = issuers.told(signing.fingerprint);
  const issuer = told?.issuer.certificate ?? signing;
  const endsWithinDays = endsWithin(signing.notAfter, now);
  const problem = facts.problem ?? told?.problem;
  const all = trustedRoots(roots).map((slot): RootInfo => {
    const own = issuers.told(slot.fingerprint)?.issuer.certificate;
    return {
      ...certificateInfo(slot),
      source: slot.source,
      isSigning: slot === signing,
      keyPresent: keyPresent(slot.fingerprint),
      ...(own && { issuer: certificateInfo(own) }),
    };
  });
  return {
    trustDomain,
    root: {
      ...certificateInfo(signing),
      keyPresent: keyPresent(signing.fingerprint),
      ...(endsWithinDays !== undefined && { endsWithinDays }),
    },
    issuer: { ...certificateInfo(issuer), renewsAt: told?.renewsAt ?? issuer.notAfter },
    phase: roots.phase,
    roots: all,
    alarms: all.flatMap((root) => alarmsOf(root, roots.phase, now)).sort((a, b) => a.endsWithinDays - b.endsWithinDays),
    ...(problem !== undefined && { problem: problem instanceof Failure ? problem.message : String(problem) }),
  };
}

function alarmsOf(root: RootInfo, phase: RootPhase, now: Millis): readonly CertificateAlarm[] {
  // One that is to go anyway alarms nobody.
  if (!root.isSigning && phase !== 'prepared') return [];
  const rootHint = 'weft cert rotate --root --step prepare; it takes three steps and no restart';
  const alarms = [certificateAlarm('root', root, now, rootHint)];
  // An issuer that ends with its root is no second matter, and one that is renewed here in time is none.
  if (root.issuer && root.issuer.fingerprint !== root.fingerprint && root.issuer.validUntil < root.validUntil) {
    const issuerHint = root.keyPresent
      ? 'it should have been renewed at half its life: weft status tells what keeps it from that'
      : 'bring its successor: a new ca.certificate with its ca.key in weft.yaml, or the key of the root';
    alarms.push(certificateAlarm('issuer', root.issuer, now, issuerHint));
  }
  return alarms.filter((alarm) => alarm !== undefined);
}

function certificateInfo(certificate: {
  readonly fingerprint: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}): CertificateInfo {
  return {
    fingerprint: certificate.fingerprint,
    validFrom: certificate.notBefore,
    validUntil: certificate.notAfter,
  };
}
