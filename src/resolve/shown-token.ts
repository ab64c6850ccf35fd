import type { AuthorizationRuleDecision, Condition } from '../model/ir-inbound.ts';
import type { TokenKeys, TokenRule } from '../model/security-policy.ts';
import { anyWord, dimensionOf } from './call-dimension.ts';
import { all, any, never, not } from './condition.ts';
import type { Door } from './let-in-anew.ts';
import { assigned } from './satisfying-calls.ts';

/** What tells tokens apart before any rule looks at them; `null`: a request without one. */
export interface ShownToken {
  readonly issuer: string;
  readonly audience: string;
  /** What signed it: a key, or whatever is fetched from an address. */
  readonly key: string;
}

/**
 * None, and those that the new door takes, as far as rules look at tokens at all. A door that asks for none (P44) lets in whoever shows one
 * that the old door took, and knows nothing of it; one that asks for others answers 401.
 */
export function shownTokens(before: Door, after: Door): readonly (ShownToken | null)[] {
  const looks = [before, after].some(({ authorization: { deny, allow = [], custom } }) =>
    [...deny, ...allow, ...(custom?.rules ?? [])].some(({ caller }) => looksAtClaims(caller)),
  );
  if (!looks) return [null];
  const named = new Set([
    anyWord,
    ...[before, after].flatMap(({ tokens }) => tokens.flatMap((rule) => rule.audiences)),
  ]);
  const shown = after.tokens.length > 0 ? after.tokens : before.tokens;
  const tokens = shown.flatMap((rule) =>
    keysOf(rule.keys).flatMap((key) =>
      [...named]
        .filter((audience) => rule.audiences.length === 0 || rule.audiences.includes(audience))
        .map((audience): ShownToken => ({ issuer: rule.issuer, audience, key })),
    ),
  );
  const distinct = new Map(tokens.map((token) => [JSON.stringify(token), token]));
  return [null, ...distinct.values()];
}

/** The door as it is for who shows this token. */
export function withToken(door: Door, token: ShownToken | null): Door {
  const shown = token !== null && door.tokens.some((rule) => takes(rule, token)) ? token : null;
  const { deny, allow, custom } = door.authorization;
  const read = (rules: readonly AuthorizationRuleDecision[]) =>
    rules.map((rule) => (looksAtClaims(rule.caller) ? { ...rule, caller: withClaims(rule.caller, shown) } : rule));
  return {
    ...door,
    authorization: {
      deny: read(deny),
      allow: allow && read(allow),
      ...(custom && { custom: { ...custom, rules: read(custom.rules) } }),
    },
  };
}

function takes({ issuer, audiences, keys }: TokenRule, token: ShownToken): boolean {
  const isFor = audiences.length === 0 || audiences.includes(token.audience);
  return issuer === token.issuer && isFor && keysOf(keys).includes(token.key);
}

function keysOf(keys: TokenKeys): readonly string[] {
  if (keys.kind === 'remote') return [keys.uri];
  // It was checked when it was read.
  const { keys: listed } = JSON.parse(keys.jwks) as { readonly keys: readonly unknown[] };
  return listed.map((key) => JSON.stringify(key));
}

function looksAtClaims(condition: Condition): boolean {
  switch (condition.kind) {
    case 'all':
    case 'any':
      return condition.of.some(looksAtClaims);
    case 'not':
      return looksAtClaims(condition.of);
    default:
      return condition.kind === 'claim';
  }
}

const [issuer, audience] = [['iss'], ['aud']].map((path) =>
  dimensionOf({ kind: 'claim', path, match: { kind: 'present' } }),
);

/** Without a token no claim is there; of one its issuer and audience are known, and the other claims may be anything. */
function withClaims(condition: Condition, token: ShownToken | null): Condition {
  if (token === null) return withoutClaims(condition);
  return assigned(assigned(condition, issuer ?? '', token.issuer), audience ?? '', token.audience);
}

function withoutClaims(condition: Condition): Condition {
  switch (condition.kind) {
    case 'claim':
      return never;
    case 'all':
      return all(condition.of.map(withoutClaims));
    case 'any':
      return any(condition.of.map(withoutClaims));
    case 'not':
      return not(withoutClaims(condition.of));
    default:
      return condition;
  }
}
