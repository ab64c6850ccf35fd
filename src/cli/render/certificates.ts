import type { AuthorityCertificate } from '../../model/certificate-status.ts';
import type { PendingProxy, RotationStatus } from '../../model/rotation-status.ts';
import type { CertificateStatus } from '../../model/status.ts';
import type { Column } from '../output.ts';
import { spanInWords } from './span.ts';

/** A line of `weft cert list`. */
export type ListedCertificate =
  | ({ readonly name: string } & AuthorityCertificate)
  | ({ readonly name: string; readonly kind: 'svid' } & CertificateStatus);

export function certificateListColumns(now: number): readonly Column<ListedCertificate>[] {
  return [
    { title: 'NAME', of: ({ name }) => name },
    { title: 'KIND', of: kindOf },
    { title: 'EXPIRES', of: ({ notAfter }) => untilText(notAfter, now) },
    { title: 'RENEWS', of: (item) => (item.kind === 'svid' ? untilText(item.renewsAt, now) : '-') },
    { title: 'HOLDERS', of: (item) => (item.kind === 'svid' ? String(item.holders) : '-') },
    { title: 'ROOT', of: ({ root }) => shortFingerprint(root) },
    { title: 'SERIAL', of: (item) => (item.kind === 'svid' ? item.serial : '-'), wide: true },
    { title: 'KEY', of: keyPlace, wide: true },
    { title: 'NOT-AFTER', of: ({ notAfter }) => notAfter, wide: true },
  ];
}

function kindOf(item: ListedCertificate): string {
  return item.kind === 'root' && item.signs ? 'root, signs' : item.kind;
}

function keyPlace(item: ListedCertificate): string {
  if (item.kind === 'svid') return item.ownKeyOf === undefined ? 'control plane' : item.ownKeyOf;
  return item.keyPresent ? 'control plane' : 'elsewhere';
}

export function untilText(iso: string, now: number): string {
  const span = Date.parse(iso) - now;
  return span <= 0 ? 'over' : `in ${spanInWords(span)}`;
}

export function shortFingerprint(fingerprint: string): string {
  return fingerprint.slice(0, 16);
}

/** So many proxies are named. */
const namedProxies = 20;

/** The lines of `weft cert rotate`. */
export function rotationLines(status: RotationStatus, now: number): readonly string[] {
  const { phase, roots, next, proxies, acked, pending, behind = [], begun, deadlines } = status;
  const since = begun === undefined ? '' : `, begun ${begun.at} by ${begun.by}`;
  return [
    `rotation   ${phase}${since}`,
    ...roots.map(
      ({ fingerprint, signs, notAfter, source }) =>
        `root       ${shortFingerprint(fingerprint)}  ${signs ? 'signs' : 'trusted'}  until ${notAfter.slice(0, 10)}  ${source}`,
    ),
    ...(deadlines === undefined
      ? []
      : [`deadlines  activate ${untilText(deadlines.activate, now)}, finish ${untilText(deadlines.finish, now)}`]),
    ...(next === undefined ? [] : [`proxies    ${acked} of ${proxies} follow`]),
    ...pendingLines(pending),
    ...(behind.length === 0
      ? []
      : [`proxies    ${behind.length} of ${proxies} have not acknowledged yet that the former root went:`]),
    ...pendingLines(behind),
    ...(behind.length === 0 ? [] : ['           until then they trust that root, too']),
    ...(next === undefined
      ? []
      : [
          `next       weft cert rotate --root --step ${next}${pending.length === 0 ? '' : ' --wait'}${orAbort(status)}`,
        ]),
  ];
}

/** Nothing is taken back twice, and a compromised root not at all. */
function orAbort({ phase, deadlines }: RotationStatus): string {
  return deadlines === undefined && phase !== 'returning' ? ', or --step abort' : '';
}

function pendingLines(pending: readonly PendingProxy[]): readonly string[] {
  const named = pending.slice(0, namedProxies);
  const width = Math.max(...named.map(({ proxy }) => proxy.length), 0) + 2;
  return [
    ...named.map(({ proxy, reason }) => `           ${proxy.padEnd(width)}${reason}`),
    ...(pending.length > namedProxies ? [`           and ${pending.length - namedProxies} more`] : []),
  ];
}
