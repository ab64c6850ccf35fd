import type { Logger } from 'pino';
import type { Authority } from '../ca/authority.ts';
import { type AuthorityEvent, rootsInWords, shortName } from '../ca/authority-event.ts';
import type { RootState } from '../ca/root-rotation.ts';
import type { AuditSink } from '../model/audit-event.ts';
import type { Clock } from '../model/state-store.ts';

const who = 'control plane';

/** Writes down roots and issuing certificates that are made, and each change of what is trusted; the log hears of an ended root, too. */
export function createAuthorityAudit(options: {
  readonly audit: AuditSink;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Clock;
}): (event: AuthorityEvent) => void {
  const { audit, logger, clock } = options;
  return (event) => {
    switch (event.kind) {
      case 'made': {
        const { fingerprint, serial } = event.certificate;
        audit.record({ what: 'issue', who, about: `${event.what} ${shortName(fingerprint)}`, serial, result: 'done' });
        return;
      }
      case 'roots': {
        const { before, now } = event;
        const ended = before === undefined || before.signing.notAfter > clock.now() ? undefined : replaced(before, now);
        if (ended !== undefined) logger.warn({ component: 'ca', code: 'WEFT0302', hint: joinAnew }, ended);
        const words = ended === undefined ? rootsInWords(now) : `${ended}; ${joinAnew}`;
        audit.record({ what: 'root', who, about: `root ${shortName(now.signing.fingerprint)}`, words, result: 'done' });
        return;
      }
      default:
        event satisfies never;
    }
  };
}

const joinAnew =
  'every sidecar joins again: weft token create for each, weft run with its new token, weft bootstrap again for a bare Envoy; then take ca.replaceEnded out of weft.yaml';

function replaced({ signing: { fingerprint, notAfter } }: RootState, { signing }: RootState): string {
  const end = new Date(notAfter).toISOString();
  return `the root ${shortName(fingerprint)} ended at ${end}, and the new root ${shortName(signing.fingerprint)} takes its place (ca.replaceEnded)`;
}

/** Writes down each certificate that the control plane makes of itself; those that were asked for are written by who answers. */
export function audited(authority: Authority, audit: AuditSink): Authority {
  const issued = (serial: string, of: { readonly spiffeId?: string; readonly about?: string }) =>
    audit.record({ what: 'issue', who, ...of, serial, result: 'done' });
  return {
    ...authority,
    issue(...asked) {
      const svid = authority.issue(...asked);
      issued(svid.serial, { spiffeId: svid.spiffeId });
      return svid;
    },
    issueServer(...asked) {
      const certificate = authority.issueServer(...asked);
      issued(certificate.serial, { about: 'xds port' });
      return certificate;
    },
  };
}
