import type { CertificateReport } from '../admin/admin-source.ts';
import type { Authority } from '../ca/authority.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import { parseSpiffeId } from '../model/identity.ts';
import type { Proxy } from '../model/proxy.ts';
import type { CertificateStatus } from '../model/status.ts';

/** Everything that was signed and is in use: roots and issuers, leaves made here, leaves for keys that workloads keep. */
export function certificateReport({
  authority,
  svids,
  proxies,
}: {
  readonly authority: Authority;
  readonly svids: SvidSource;
  /** The connected ones. */
  readonly proxies: readonly Proxy[];
}): CertificateReport {
  const { root, issuer, roots, alarms, trustDomain } = authority.info();
  return {
    authority: {
      trustDomain,
      rootNotAfter: iso(root.validUntil),
      issuerNotAfter: iso(issuer.validUntil),
      fingerprint: roots[0]?.fingerprint ?? root.fingerprint,
    },
    rootCertificates: authority.bundle.get().roots.join(''),
    authorities: roots.flatMap(({ fingerprint, validFrom, validUntil, isSigning, keyPresent, issuer: under }) => {
      const shared = { root: fingerprint, signs: isSigning };
      const times = { notBefore: iso(validFrom), notAfter: iso(validUntil) };
      return [
        { kind: 'root' as const, fingerprint, ...shared, ...times, keyPresent },
        ...(under === undefined
          ? []
          : [
              {
                kind: 'issuer' as const,
                fingerprint: under.fingerprint,
                ...shared,
                notBefore: iso(under.validFrom),
                notAfter: iso(under.validUntil),
                keyPresent: true,
              },
            ]),
      ];
    }),
    alarms: alarms.map(({ code, what, fingerprint, validUntil, endsWithinDays, message, hint }) => {
      return { code, what, fingerprint, notAfter: iso(validUntil), endsWithinDays, message, hint };
    }),
    certificates: [...heldHere(svids, proxies), ...keptElsewhere(svids, proxies)],
  };
}

function heldHere(svids: SvidSource, proxies: readonly Proxy[]): readonly CertificateStatus[] {
  const own = svids.signed();
  return svids.held().flatMap((id) => {
    const identity = parseSpiffeId(id);
    if (!identity) return [];
    const { serial, notBefore, notAfter, root } = svids.get(identity);
    const holders = proxies.filter((proxy) => proxy.identity === id && !own.has(proxy.id)).length;
    const times = {
      notBefore: iso(notBefore),
      notAfter: iso(notAfter),
      renewsAt: iso(svids.renewsAt(identity) ?? notAfter),
    };
    return [{ identity: id, serial, ...times, holders, root }];
  });
}

function keptElsewhere(svids: SvidSource, proxies: readonly Proxy[]): readonly CertificateStatus[] {
  const connected = new Set(proxies.map(({ id }) => id));
  return [...svids.signed()].map(([holder, { spiffeId, serial, notBefore, notAfter, renewAt, root }]) => ({
    identity: spiffeId,
    serial,
    notBefore: iso(notBefore),
    notAfter: iso(notAfter),
    renewsAt: iso(renewAt),
    holders: connected.has(holder) ? 1 : 0,
    root,
    ownKeyOf: holder,
  }));
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
