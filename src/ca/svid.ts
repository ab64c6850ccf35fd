import type { Identity, SpiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';
import type { Secret } from '../model/secret.ts';

/** A certificate with its chain; times in milliseconds since 1970. */
export interface SignedCertificate {
  /** PEM. An X509-SVID: leaf and issuer. A server's: leaf, issuer and root, so that a client can pin the root (pinned-bundle.ts). */
  readonly certificateChain: string;
  /** Fingerprint of the trusted root that the chain leads to. */
  readonly root: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly issuedAt: Millis;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

/** A certificate with its chain and its key, ready to be served. */
export interface IssuedCertificate extends SignedCertificate {
  /** PKCS#8 PEM. */
  readonly privateKey: Secret<string>;
}

/** The certificate of one identity (X509-SVID). */
export interface Svid extends IssuedCertificate {
  readonly identity: Identity;
  readonly spiffeId: SpiffeId;
}

/** An X509-SVID for a key that its workload made and keeps. */
export interface SignedSvid extends SignedCertificate {
  readonly identity: Identity;
  readonly spiffeId: SpiffeId;
  /** When the workload should ask for the next, with a new key (section 3 of reliability.md). */
  readonly renewAt: Millis;
}

/** What is remembered of a certificate whose key its workload keeps. */
export type HeldCertificate = Pick<SignedSvid, 'spiffeId' | 'serial' | 'notBefore' | 'notAfter' | 'renewAt' | 'root'>;

/** What proves members of a trust domain: always a set, so that a root can be changed (X118). */
export interface Bundle {
  readonly trustDomain: string;
  /** One PEM text for each root. */
  readonly roots: readonly string[];
}
