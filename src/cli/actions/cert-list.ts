import type { CertificateReport } from '../../admin/admin-source.ts';
import { compareText } from '../../model/compare-text.ts';
import type { CertificateStatus } from '../../model/status.ts';
import { readApi, readValue } from '../read-api.ts';
import { certificateListColumns, type ListedCertificate, shortFingerprint } from '../render/certificates.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { certListFlags } from '../verbs/cert.ts';

/** What `/api/v1/certificates` answers. */
export type CertificateAnswer = Omit<CertificateReport, 'certificates'> & {
  readonly items: readonly CertificateStatus[];
};

/** `weft cert list`: exit 1 with `--expiring` where something ends within that time, for alarms by cron. */
export async function certList(context: VerbContext<typeof certListFlags>): Promise<ExitCode> {
  const { flags, output } = context;
  const answer = await readValue<CertificateAnswer>(await readApi(context), '/api/v1/certificates');
  const now = Date.now();
  const { expiring = Number.POSITIVE_INFINITY } = flags;
  const shown = listed(answer).filter(({ notAfter }) => Date.parse(notAfter) - now <= expiring);
  output.list('CertificateList', shown, certificateListColumns(now));
  for (const { code, message, hint } of answer.alarms) output.say(`${code} ${message}: ${hint}`);
  if (flags.expiring === undefined) return 0;
  if (shown.length === 0) output.say('nothing ends within that time');
  return shown.length === 0 ? 0 : 1;
}

/** Roots and issuers, then identities by their names, each with the proxies that made a key for it. */
export function listed({ authorities, items }: CertificateAnswer): readonly ListedCertificate[] {
  const sorted = [...items].sort(
    (a, b) => compareText(a.identity, b.identity) || compareText(a.ownKeyOf ?? '', b.ownKeyOf ?? ''),
  );
  return [
    ...authorities.map((each) => ({ name: shortFingerprint(each.fingerprint), ...each })),
    ...sorted.map((each) => ({ name: each.ownKeyOf ?? each.identity, kind: 'svid' as const, ...each })),
  ];
}
