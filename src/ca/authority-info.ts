import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import type { Certificate } from './certificate.ts';

/** What `weft status` and the metrics tell of the authority; no secrets. Times in milliseconds since 1970. */
export interface AuthorityInfo {
  readonly trustDomain: string;
  readonly root: CertificateInfo & {
    readonly keyPresent: boolean;
    /** Set when the root ends within so many days: alarms at 30, 14, 7 and 1 (F11). 0: it has ended. */
    readonly endsWithinDays?: number;
  };
  readonly issuer: CertificateInfo & { readonly renewsAt: Millis };
  /** What keeps the issuer from being renewed or saved. */
  readonly problem?: string;
}

export interface CertificateInfo {
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string;
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

const day: Millis = 86_400_000;
const alarms = [0, 1, 7, 14, 30];

/** Tells the state of an authority at `now`. */
export function describeAuthority(facts: {
  readonly trustDomain: string;
  readonly root: Certificate;
  readonly rootKeyPresent: boolean;
  readonly issuer: Certificate;
  readonly issuerRenewsAt: Millis;
  readonly problem: unknown;
  readonly now: Millis;
}): AuthorityInfo {
  const { trustDomain, root, issuer, problem } = facts;
  const endsWithinDays = alarms.find((days) => root.notAfter - facts.now <= days * day);
  return {
    trustDomain,
    root: {
      ...certificateInfo(root),
      keyPresent: facts.rootKeyPresent,
      ...(endsWithinDays !== undefined && { endsWithinDays }),
    },
    issuer: { ...certificateInfo(issuer), renewsAt: facts.issuerRenewsAt },
    ...(problem !== undefined && { problem: problem instanceof Failure ? problem.message : String(problem) }),
  };
}

function certificateInfo(certificate: Certificate): CertificateInfo {
  return {
    fingerprint: certificate.fingerprint,
    validFrom: certificate.notBefore,
    validUntil: certificate.notAfter,
  };
}
