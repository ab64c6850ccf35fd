import type { Millis } from './policy.ts';

/** What is written down for good: every issuance, join, refusal and write of an operator (section 3 of reliability.md, "Audit log"). */
export interface AuditEvent {
  /** Milliseconds since 1970. */
  readonly at: Millis;
  readonly what: AuditedAct;
  /** Whose credential it was: `token 9f2`, `payments-1.shop`, `operator`; empty where none was shown. */
  readonly who: string;
  /** Where it came from, `address:port`. */
  readonly from?: string;
  /** What it was about: a proxy, a token, a resource. */
  readonly about?: string;
  readonly spiffeId?: string;
  /** Of the certificate that was issued, lower-case hex. */
  readonly serial?: string;
  readonly result: 'done' | 'refused';
  /** Why it was refused, with the code in front, or what else is to be known of it; never a part of what was sent as a credential. */
  readonly words?: string;
  /** How many more of this kind, and from this address, were refused within the minute, without a line of their own. */
  readonly repeated?: number;
}

export type AuditedAct =
  | 'issue'
  | 'enrol'
  | 'renew'
  | 'redeem'
  | 'join'
  | 'leave'
  | 'call'
  | 'token'
  | 'revoke'
  /** What is trusted, or what signs, has changed. */
  | 'root'
  | 'publish'
  | 'admin';

/** Who asks for an act, and from where. */
export type Actor = Pick<AuditEvent, 'who' | 'from'>;

/** The person of a state dir, where nothing else is said. */
export const operator: Actor = { who: 'operator' };

/** Where acts are written down. Never throws: what cannot be written is told to the operator, not to the caller. */
export interface AuditSink {
  record(event: Omit<AuditEvent, 'at'>): void;
}
