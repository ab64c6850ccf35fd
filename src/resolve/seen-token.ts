import type { TokenDecision } from '../model/ir-inbound.ts';
import type { ClaimValue } from './holds.ts';

type Claims = Readonly<Record<string, ClaimValue>>;

/** Claims that are lists for rules, though tokens write them as one text (D23). */
const splitClaims = ['scope', 'permission'];

/**
 * What rules see of the claims of a token whose signature and times are good (P44, P49). Where nobody looks at tokens there are none; a
 * token that no RequestAuthentication takes is answered 401 before any rule. `null`: the request has no token.
 */
export function seenToken(
  tokens: TokenDecision | undefined,
  claims: Claims | null,
): { readonly claims: Claims | null } | { readonly refused: 401; readonly why: string } {
  if (tokens === undefined || claims === null) return { claims: null };
  const { iss, aud } = claims;
  const issued = tokens.rules.filter(({ rule }) => rule.issuer === iss);
  if (issued.length === 0)
    return { refused: 401, why: `no RequestAuthentication takes tokens of the issuer ${JSON.stringify(iss ?? '')}` };
  const audiences = Array.isArray(aud) ? aud : [aud];
  const taking = issued.find(
    ({ rule }) => rule.audiences.length === 0 || rule.audiences.some((each) => audiences.includes(each)),
  );
  if (taking === undefined) return { refused: 401, why: 'the token is for another audience' };
  const lists = new Set([...splitClaims, ...taking.rule.spaceDelimitedClaims]);
  const seen = Object.entries(claims).map(([name, value]): readonly [string, ClaimValue] => [
    name,
    lists.has(name) && typeof value === 'string' ? value.split(' ').filter((part) => part !== '') : value,
  ]);
  return { claims: Object.fromEntries(seen) };
}
