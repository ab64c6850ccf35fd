import type { TokenDesk, TokenReport } from '../admin/admin-source.ts';
import { accountOf, type TokenRecord } from '../ca/token-record.ts';
import type { TokenStore } from '../ca/token-store.ts';
import { type AuditSink, operator } from '../model/audit-event.ts';
import { spiffeId } from '../model/identity.ts';

/** What an operator does with tokens; each act is written down. `isTrusted`: whether a root, by its fingerprint, is trusted now. */
export function createTokenDesk(
  tokens: TokenStore,
  trustDomain: string,
  audit: AuditSink,
  isTrusted: (root: string) => boolean,
): TokenDesk {
  const report = (record: TokenRecord): TokenReport => {
    const { id, uses, pin } = record;
    const reason = tokens.standing(id)?.reason;
    // Of credentials it says nothing: a bootstrap has learned other roots than the one of its day.
    const isGone = uses !== undefined && uses.left > 0 && pin !== undefined && !isTrusted(pin);
    return {
      ...tokenReport(record, trustDomain),
      // Also where the token was that it was made for.
      revoked: reason === 'revoked',
      ...(reason === 'expired' && { expired: true }),
      ...(isGone && { rootGone: true }),
    };
  };
  return {
    list: () => tokens.list().map(report),
    async create(asked, by = operator) {
      const { services, namespace, serviceAccount, ttlMilliseconds, uses } = asked;
      const { cidrs = [], ports = [], labels, group } = asked;
      const { record, text } = await tokens.create({
        grant: {
          role: 'workload',
          namespace,
          services,
          ...(serviceAccount === undefined ? {} : { serviceAccount }),
          addresses: cidrs,
          ports,
          ...(labels === undefined ? {} : { labels }),
          ...(group === undefined ? {} : { group }),
        },
        createdBy: 'operator',
        ...(ttlMilliseconds === undefined ? {} : { ttl: ttlMilliseconds }),
        ...(uses === undefined ? {} : { uses }),
      });
      const token = report(record);
      const [identity, ...others] = token.identities ?? [];
      const of = others.length === 0 ? { spiffeId: identity } : { words: `one of ${token.identities?.join(', ')}` };
      audit.record({ what: 'token', ...by, about: `token ${record.id}`, ...of, result: 'done' });
      return { token, secret: text };
    },
    async revoke(id, by = operator) {
      if (tokens.get(id) === undefined) return false;
      await tokens.revoke(id);
      audit.record({ what: 'revoke', ...by, about: `token ${id}`, result: 'done' });
      return true;
    },
  };
}

function tokenReport(record: TokenRecord, trustDomain: string): Omit<TokenReport, 'revoked'> {
  const { id, grant, createdAt, createdBy, expiresAt, uses, from } = record;
  const shared = {
    id,
    createdAt: new Date(createdAt).toISOString(),
    createdBy,
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt).toISOString() }),
    ...(from === undefined ? {} : { from }),
  };
  if (grant.role === 'operator') return { ...shared, kind: 'person', role: 'operator' };
  const { services, namespace, addresses, ports, labels, group } = grant;
  const accounts = new Set(services.map((service) => accountOf(grant, service)));
  const identities = [...accounts].map((serviceAccount) => spiffeId({ trustDomain, namespace, serviceAccount }));
  const limits = {
    ...(addresses.length > 0 ? { cidrs: addresses } : {}),
    ...(ports.length > 0 ? { ports } : {}),
    ...(labels === undefined ? {} : { labels }),
    ...(group === undefined ? {} : { group }),
  };
  const kind = uses === undefined ? 'credential' : 'join';
  return { ...shared, kind, ...(uses && { uses: uses.left }), identities, services, namespace, ...limits };
}
