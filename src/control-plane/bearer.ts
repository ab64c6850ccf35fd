import { status as grpcStatus } from '@grpc/grpc-js';
import type { TokenStore } from '../ca/token-store.ts';
import { Failure } from '../model/failure.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { Refused } from '../xds/server-options.ts';

/** Who calls on the xDS port, by the values of its `authorization` header. */
export type CheckBearer = (authorization: readonly string[]) => { readonly ok: JoinCredential } | Refused;

/** A workload's credential, or words that help (E4). An operator's token is refused here: people do not join. */
export function createBearerCheck(tokens: TokenStore): CheckBearer {
  const refuse = (failure: Failure, code = grpcStatus.UNAUTHENTICATED): Refused => ({
    refused: { code, message: refusalText(failure) },
  });
  const make = 'weft token create --service NAME --namespace NAMESPACE, then weft bootstrap or weft run with it';
  return (authorization) => {
    const [only] = authorization;
    if (only === undefined) return refuse(new Failure('WEFT0203', 'no credential was sent', make));
    if (authorization.length > 1)
      return refuse(new Failure('WEFT0203', 'more than one credential was sent', 'send one authorization header'));
    const bearer = /^Bearer ([A-Za-z0-9_.-]+)$/.exec(only)?.[1];
    if (bearer === undefined)
      return refuse(new Failure('WEFT0203', 'the credential is not "Bearer" and a token', make));
    const checked = tokens.check(bearer);
    if ('refused' in checked) {
      const { code, message, hint } = checked.refused;
      return refuse(new Failure(code, message, hint));
    }
    const { id, grant } = checked.ok;
    if (grant.role !== 'workload') {
      return refuse(
        new Failure('WEFT0203', `token ${id} is an operator's, it admits no workload`, make),
        grpcStatus.PERMISSION_DENIED,
      );
    }
    const { namespace, serviceAccount, service, addresses, ports, labels, group } = grant;
    return {
      ok: {
        tokenId: id,
        namespace,
        serviceAccount,
        service,
        ...(addresses.length > 0 ? { addresses } : {}),
        ...(ports.length > 0 ? { ports } : {}),
        ...(labels === undefined ? {} : { labels }),
        ...(group === undefined ? {} : { group }),
      },
    };
  };
}
