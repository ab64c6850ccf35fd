import { X509Certificate } from 'node:crypto';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { JoinRecord, JoinStore } from '../ca/join-store.ts';
import { accountOf, type TokenRecord, type WorkloadGrant } from '../ca/token-record.ts';
import type { TokenRefusal, TokenStore } from '../ca/token-store.ts';
import { Failure } from '../model/failure.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { CallCredentials } from '../xds/call.ts';
import type { Refused } from '../xds/server-options.ts';

/** What a caller on the xDS port shows. */
export type ShownCredential = Pick<CallCredentials, 'headers' | 'certificate'>;

/** Who calls on the xDS port. */
export type CheckCredential = (call: ShownCredential) => { readonly ok: JoinCredential } | Refused;

/** The stores that know credentials. */
export interface CredentialStores {
  readonly tokens: TokenStore;
  readonly joins: JoinStore;
}

const make = 'weft token create --service NAME --namespace NAMESPACE, then weft bootstrap or weft run with it';

/**
 * A workload's credential, or words that help (E4): the certificate of a proxy that keeps its own key, or a reusable token. An operator's
 * token is refused here (people do not join), and so is one that is there to be spent (T3).
 */
export function createCredentialCheck(stores: CredentialStores): CheckCredential {
  return (call) => {
    if (call.certificate !== undefined) {
      if (call.headers.has('authorization')) return refused('a certificate and a token were shown', 'show one of them');
      return certificateShown(call.certificate, stores);
    }
    const shown = tokenShown(call, stores.tokens);
    if ('refused' in shown) return shown;
    const { id, uses } = shown.ok;
    if (uses !== undefined)
      return refused(
        `token ${id} is there to be spent, it opens no stream`,
        'weft run joins with it, and weft bootstrap changes it for the credential of a bare Envoy',
      );
    return { ok: joinCredential(shown.ok) };
  };
}

/** A workload's token and what it grants. */
export type WorkloadToken = TokenRecord & { readonly grant: WorkloadGrant };

/** The workload's token that a call shows. `spent`: one that has no use left. */
export function tokenShown(
  { headers }: Pick<ShownCredential, 'headers'>,
  tokens: TokenStore,
): { readonly ok: WorkloadToken } | (Refused & { readonly spent?: WorkloadToken }) {
  const [only, ...others] = headers.get('authorization') ?? [];
  if (only === undefined) return refused('no credential was sent', make);
  if (others.length > 0) return refused('more than one credential was sent', 'send one authorization header');
  const bearer = /^Bearer ([A-Za-z0-9_.-]+)$/.exec(only)?.[1];
  if (bearer === undefined) return refused('the credential is not "Bearer" and a token', make);
  const checked = tokens.check(bearer);
  if ('refused' in checked) {
    const { spent } = checked;
    return { ...refusedBy(checked.refused), ...(spent !== undefined && isWorkloads(spent) && { spent }) };
  }
  if (isWorkloads(checked.ok)) return { ok: checked.ok };
  return refused(`token ${checked.ok.id} is an operator's, it admits no workload`, make, grpcStatus.PERMISSION_DENIED);
}

/** The proxy that a verified client certificate was issued to, by its serial. Others of this authority are nobody's credential. */
function certificateShown(der: Uint8Array, stores: CredentialStores): { readonly ok: JoinCredential } | Refused {
  const join = joinOf(der, stores.joins);
  if (join === undefined)
    return refused(
      'the certificate shown is not that of a proxy that joined here with a key of its own',
      `join again, with a new token: ${make}`,
    );
  const revoked = stores.tokens.revocation(join.tokenId);
  if (revoked !== undefined) return refusedBy(revoked);
  const token = stores.tokens.get(join.tokenId);
  if (token === undefined || !isWorkloads(token)) return refused(`token ${join.tokenId} is not known here`, make);
  return { ok: { ...joinCredential(token, join.service), nodeId: join.nodeId } };
}

/** Who joined and was issued this certificate (DER). */
export function joinOf(certificate: Uint8Array, joins: JoinStore): JoinRecord | undefined {
  return joins.bySerial(new X509Certificate(certificate).serialNumber);
}

/** Why the credential that opened a stream is no longer good, in words; undefined while it is. */
export function standingOf({ tokenId, nodeId }: JoinCredential, tokens: TokenStore): string | undefined {
  const refusal = nodeId === undefined ? tokens.standing(tokenId) : tokens.revocation(tokenId);
  return refusal && refusedBy(refusal).refused.message;
}

/** What may be claimed with a token as one of its services, or with the certificate that it was spent for. */
export function joinCredential({ id, grant }: WorkloadToken, service: string = grant.services[0]): JoinCredential {
  const { namespace, addresses, ports, labels, group } = grant;
  return {
    tokenId: id,
    namespace,
    serviceAccount: accountOf(grant, service),
    service,
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(ports.length > 0 ? { ports } : {}),
    ...(labels === undefined ? {} : { labels }),
    ...(group === undefined ? {} : { group }),
  };
}

function isWorkloads(token: TokenRecord): token is WorkloadToken {
  return token.grant.role === 'workload';
}

/** A refusal as the registry or the token store put it. */
export function refusedBy(
  { code, message, hint }: Pick<TokenRefusal, 'message' | 'hint'> & { readonly code: string },
  status = grpcStatus.UNAUTHENTICATED,
): Refused {
  return { refused: { code: status, message: refusalText(new Failure(code, message, hint)) } };
}

function refused(message: string, hint: string, status = grpcStatus.UNAUTHENTICATED): Refused {
  return refusedBy({ code: 'WEFT0203', message, hint }, status);
}
