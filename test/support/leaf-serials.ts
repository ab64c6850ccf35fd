import { X509Certificate } from 'node:crypto';
import type { Member } from './member.ts';

/** Serial numbers of the certificates that a member's Envoy serves now. */
export async function leafSerials({ admin }: Pick<Member, 'admin'>): Promise<readonly string[]> {
  const texts = (await admin.configDump('dynamic_active_secrets')).flatMap((dump) => {
    const { secret } = dump as { secret: { tls_certificate?: { certificate_chain: { inline_string: string } } } };
    return secret.tls_certificate?.certificate_chain.inline_string ?? [];
  });
  return texts.map((pem) => new X509Certificate(pem).serialNumber);
}

/** Looks again and again; how often every one of these has got a new certificate, as far as was seen. */
export function watchRenewals(members: readonly Member[]): () => Promise<number> {
  const seen = members.map((member) => ({ member, serials: new Set<string>() }));
  return async () => {
    const counts = seen.map(async ({ member, serials }) => {
      for (const serial of await leafSerials(member)) serials.add(serial);
      return serials.size - 1;
    });
    return Math.min(...(await Promise.all(counts)));
  };
}
