/** A certificate of the authority itself, or of the control plane's own port. Times are ISO. */
export interface AuthorityCertificate {
  readonly kind: 'root' | 'issuer';
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string;
  /** Fingerprint of the root that it is under; its own, for a root. */
  readonly root: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whether new certificates come from it. */
  readonly signs: boolean;
  /** Whether its key is here; a root's may be kept elsewhere. */
  readonly keyPresent: boolean;
}

/** A certificate that ends soon, or has ended (WEFT0302, F11). */
export interface CertificateAlarmStatus {
  readonly code: 'WEFT0302';
  readonly what: 'root' | 'issuer';
  readonly fingerprint: string;
  readonly notAfter: string;
  /** 30, 14, 7, 1; 0: it has ended. */
  readonly endsWithinDays: number;
  readonly message: string;
  readonly hint: string;
}
