import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { type Authority, openAuthority } from '../ca/authority.ts';
import { type CsrDesk, createCsrDesk } from '../ca/issue-for-csr.ts';
import { heldOf, type JoinStore, openJoinStore } from '../ca/join-store.ts';
import { trustedRoots } from '../ca/root-rotation.ts';
import { createServerCertificateSource, createSvidSource, type SvidSource } from '../ca/svid-source.ts';
import { openTokenStore, type TokenStore } from '../ca/token-store.ts';
import type { AuditSink } from '../model/audit-event.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { TlsSource } from '../xds/tls-source.ts';
import { audited, createAuthorityAudit } from './audit-authority.ts';
import { authorityStore, importedRoot } from './authority-files.ts';
import { startCertificateAlarms } from './certificate-alarms.ts';
import { ensureOperatorToken } from './operator-token.ts';
import type { RunningParts } from './running-parts.ts';
import type { SettingValues } from './settings.ts';

/** Who signs, who is admitted, and what the xDS port proves itself with. */
export interface IdentityParts {
  readonly authority: Authority;
  readonly svids: SvidSource;
  readonly tokens: TokenStore;
  /** Who joined with a key of its own. */
  readonly joins: JoinStore;
  readonly desk: CsrDesk;
  /** Of the root that a token pins. */
  readonly fingerprint: () => string;
  readonly credentials: TlsSource;
}

/** Opens the authority and the tokens of a state dir. Throws Failure WEFT0307, WEFT0904, WEFT0907, WEFT0908 or WEFT0909. */
export async function startIdentity(options: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly settings: SettingValues;
  /** Of weft.yaml: paths in it are relative to it. */
  readonly folder: string;
  readonly parts: RunningParts;
  readonly audit: AuditSink;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
}): Promise<IdentityParts> {
  const { store, clock, settings, folder, parts, audit, logger } = options;
  const allowShortLives = settings['certificates.allowShortLives'];
  const imported = await importedRoot(settings, folder, clock);
  const authority = await openAuthority({
    store: await authorityStore(store, settings, folder),
    clock,
    trustDomain: settings.trustDomain,
    former: settings['ca.acceptFormer'],
    allowShortLives,
    replaceEnded: settings['ca.replaceEnded'],
    observe: createAuthorityAudit({ audit, logger, clock }),
    ...(imported && { imported }),
  });
  parts.add(() => authority.dispose());
  parts.add(startCertificateAlarms({ authority, logger, clock }));
  const leaf = { authority: audited(authority, audit), clock, ttl: settings['certificates.leafLifetime'] };
  const joins = await openJoinStore({ store, clock });
  const svids = createSvidSource({ ...leaf, before: heldOf(joins.list(), settings.trustDomain, clock.now()) });
  parts.add(() => svids.dispose());

  const names = ['localhost', '127.0.0.1', settings['xds.address'], ...settings['xds.names']];
  const certificate = createServerCertificateSource({
    ...leaf,
    names: {
      dnsNames: names.filter((name) => isIP(name) === 0),
      ipAddresses: [...new Set(names.filter((name) => isIP(name) !== 0 && name !== '0.0.0.0' && name !== '::'))],
    },
  });
  parts.add(() => certificate.dispose());
  const credentials: TlsSource = {
    get: () => {
      const { certificateChain, privateKey } = certificate.get();
      return { certificateChain, privateKey: privateKey.expose() };
    },
    // Chains of clients are verified by TLS against it (T18); whose they are is asked afterwards.
    get clientAuthority() {
      return authority.bundle.get().roots.join('');
    },
    watch(onChange) {
      const stops = [certificate.watch(() => onChange()), authority.bundle.watch(() => onChange())];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };

  // The one that the xDS port shows while the root changes, too.
  const fingerprint = () => trustedRoots(authority.roots.get())[0]?.fingerprint ?? '';
  const tokens = await openTokenStore({ store, clock, fingerprint });
  parts.add(() => tokens.dispose());
  const made = await ensureOperatorToken(store, tokens);
  if (made !== undefined) audit.record({ what: 'token', who: 'control plane', about: `token ${made}`, result: 'done' });
  return { authority, svids, tokens, fingerprint, joins, desk: createCsrDesk({ svids, clock }), credentials };
}
