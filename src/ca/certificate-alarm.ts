import type { Millis } from '../model/policy.ts';
import type { CertificateInfo } from './authority-info.ts';

/** A certificate of the authority that will end soon, or has ended (F11, WEFT0302). */
export interface CertificateAlarm extends CertificateInfo {
  readonly code: 'WEFT0302';
  readonly what: 'root' | 'issuer';
  /** It ends within so many days; 0: it has ended. Each is a step of the alarm: a new one is worth saying again. */
  readonly endsWithinDays: (typeof alarmDays)[number];
  readonly message: string;
  readonly hint: string;
}

const alarmDays = [0, 1, 7, 14, 30] as const;
const day: Millis = 86_400_000;

/** The step of the alarm that a certificate has reached; undefined: none. */
export function endsWithin(validUntil: Millis, now: Millis): (typeof alarmDays)[number] | undefined {
  return alarmDays.find((days) => validUntil - now <= days * day);
}

/** The alarm about a certificate, or undefined while there is none. `hint` is what mends it. */
export function certificateAlarm(
  what: CertificateAlarm['what'],
  certificate: CertificateInfo,
  now: Millis,
  hint: string,
): CertificateAlarm | undefined {
  const endsWithinDays = endsWithin(certificate.validUntil, now);
  if (endsWithinDays === undefined) return undefined;
  const name = `${what === 'root' ? 'root' : 'issuing certificate'} ${certificate.fingerprint.slice(0, 16)}`;
  const end = new Date(certificate.validUntil).toISOString();
  const message =
    endsWithinDays === 0
      ? `the ${name} ended at ${end}: nothing can be signed under it, and nobody trusts what was`
      : `the ${name} ends within ${endsWithinDays} ${endsWithinDays === 1 ? 'day' : 'days'}, at ${end}`;
  return { ...certificate, code: 'WEFT0302', what, endsWithinDays, message, hint };
}
