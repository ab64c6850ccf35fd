import { isIP } from 'node:net';
import { type Authority, openAuthority } from '../ca/authority.ts';
import { createServerCertificateSource, createSvidSource, type SvidSource } from '../ca/svid-source.ts';
import { openTokenStore, type TokenStore } from '../ca/token-store.ts';
import type { Clock, StateStore } from '../model/state-store.ts';
import type { TlsSource } from '../xds/tls-source.ts';
import { ensureOperatorToken } from './operator-token.ts';
import type { RunningParts } from './running-parts.ts';
import type { SettingValues } from './settings.ts';

/** Who signs, who is admitted, and what the xDS port proves itself with. */
export interface IdentityParts {
  readonly authority: Authority;
  readonly svids: SvidSource;
  readonly tokens: TokenStore;
  readonly credentials: TlsSource;
}

/** Opens the authority and the tokens of a state dir. Throws Failure WEFT0904, WEFT0908 or WEFT0909. */
export async function startIdentity(options: {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly settings: SettingValues;
  readonly parts: RunningParts;
}): Promise<IdentityParts> {
  const { store, clock, settings, parts } = options;
  const allowShortLives = settings['certificates.allowShortLives'];
  const authority = await openAuthority({ store, clock, trustDomain: settings.trustDomain, allowShortLives });
  parts.add(() => authority.dispose());
  const leaf = { authority, clock, ttl: settings['certificates.leafLifetime'] };
  const svids = createSvidSource(leaf);
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
    watch: (onChange) => certificate.watch(() => onChange()),
  };

  const tokens = await openTokenStore({ store, clock, fingerprint: authority.info().root.fingerprint });
  parts.add(() => tokens.dispose());
  await ensureOperatorToken(store, tokens);
  return { authority, svids, tokens, credentials };
}
