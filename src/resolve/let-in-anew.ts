import type { Authorization, AuthorizationRuleDecision, Condition } from '../model/ir-inbound.ts';
import type { Decided } from '../model/provenance.ts';
import type { MutualTlsMode, TokenRule } from '../model/security-policy.ts';
import { all, always, not } from './condition.ts';
import type { Callers } from './dimension-values.ts';
import { assigned, type Effort, type FoundCall, firstDimension, satisfyingCalls } from './satisfying-calls.ts';
import { shownTokens, withToken } from './shown-token.ts';

/** What stands before one port: who is let in. */
export interface Door {
  readonly mtls: Decided<MutualTlsMode>;
  readonly authorization: Authorization;
  readonly tokens: readonly TokenRule[];
}

/** A call that the one door refuses and the other lets in, and what made the difference. */
export interface LetInAnew {
  /** Undefined: too much would have to be tried to know whether there is one. */
  readonly call: FoundCall | undefined;
  /** `granted`: a rule of the new door; `freed`: one that refused at the old door, or asked somebody. */
  readonly because:
    | { readonly kind: 'granted' | 'freed'; readonly rule: AuthorizationRuleDecision }
    | { readonly kind: 'no-allow-policy' | 'plaintext' };
}

/** So many callers of one reason are told. */
const mostTold = 3;
/** Conditions that are looked at for two doors, about a second. */
const mostEffort = 1_000_000;

/**
 * T14: what `after` lets in, or asks its authorizer about, and `before` refuses; and what it lets in and `before` asks about. A door lets in
 * what no DENY rule takes and some ALLOW rule does (P39), so only DENY rules that are gone, ALLOW rules that are new, and callers without
 * mesh TLS can make a difference. A token that a door does not take counts as none: its bearer may leave it out. Reasons that are told
 * enough (`isTold`) are not looked for.
 */
export function letInAnew(
  before: Door,
  after: Door,
  callers: Callers,
  isTold: (reason: string) => boolean = () => false,
): readonly LetInAnew[] {
  const found: LetInAnew[] = [];
  const effort: Effort = { left: mostEffort };
  for (const token of shownTokens(before, after)) {
    const known = new Set(found.map(reasonOf));
    const more = withoutTokens(withToken(before, token), withToken(after, token), callers, effort, isTold);
    const shown =
      token === null ? [] : [['token issuer', token.issuer] as const, ['token audience', token.audience] as const];
    for (const { call, because } of more.filter((each) => !known.has(reasonOf(each))))
      found.push({ call: call && new Map([...call, ...shown]), because });
  }
  return found;
}

/** What tells reasons apart; rules by their ids. */
export function reasonOf({ because }: Pick<LetInAnew, 'because'>): string {
  return 'rule' in because ? `${because.kind} ${because.rule.id}` : because.kind;
}

/** Doors of which no rule looks at tokens. */
function withoutTokens(
  before: Door,
  after: Door,
  callers: Callers,
  effort: Effort,
  isTold: (reason: string) => boolean,
): readonly LetInAnew[] {
  const [old, now] = [rulesOf(before), rulesOf(after)];
  const found: LetInAnew[] = [];
  // Who has no identity at all, and who has one.
  const admitted: readonly Condition[] = after.mtls.value === 'STRICT' ? [anyIdentity] : [];
  const refusals = now.deny.map(({ when }) => not(when));
  const search = (conditions: readonly Condition[], because: LetInAnew['because']): void => {
    const reason = reasonOf({ because });
    let count = found.filter((each) => reasonOf(each) === reason).length;
    if (count >= mostTold || isTold(reason)) return;
    for (const call of satisfyingCalls([...conditions, ...admitted, ...refusals], callers, effort)) {
      found.push({ call, because });
      count += 1;
      if (count >= mostTold) return;
    }
    if (effort.left <= 0 && count === 0) found.push({ call: undefined, because });
  };
  const granting = now.allow ?? [{ when: always }];

  const isDenied = new Set(now.deny.map(({ key }) => key));
  for (const { key, when, rule } of old.deny) {
    if (isDenied.has(key)) continue;
    for (const granted of granting) search([when, granted.when], { kind: 'freed', rule });
  }
  if (old.allow !== undefined) {
    const refused = old.allow.map(({ when }) => not(when));
    const wasAllowed = new Set(old.allow.map(({ key }) => key));
    if (now.allow === undefined) search(refused, { kind: 'no-allow-policy' });
    for (const { key, when, rule } of now.allow ?? [])
      if (!wasAllowed.has(key)) search([when, ...refused], { kind: 'granted', rule });
  }
  const isAsked = new Set(now.asked.map(({ key }) => key));
  const unasked = now.asked.map(({ when }) => not(when));
  for (const { key, when, rule } of old.asked) {
    if (isAsked.has(key)) continue;
    for (const granted of granting) search([when, granted.when, ...unasked], { kind: 'freed', rule });
  }
  if (before.mtls.value === 'STRICT' && after.mtls.value !== 'STRICT')
    for (const granted of granting) search([not(anyIdentity), granted.when], { kind: 'plaintext' });
  return found;
}

/** Of whoever has one. */
const anyIdentity: Condition = { kind: 'principal', match: { kind: 'present' } };

interface DoorRule {
  /** Equal for rules that say the same. */
  readonly key: string;
  readonly when: Condition;
  readonly rule: AuthorizationRuleDecision;
}

/** Without mesh TLS nobody has an identity (P43). */
function rulesOf({ mtls, authorization: { deny, allow, custom } }: Door): {
  readonly deny: readonly DoorRule[];
  readonly allow: readonly DoorRule[] | undefined;
  readonly asked: readonly DoorRule[];
} {
  const read = (rules: readonly AuthorizationRuleDecision[]) =>
    rules.flatMap((rule): readonly DoorRule[] => {
      const written = all([rule.caller, rule.operation]);
      const isBlind = mtls.value === 'DISABLE' && firstDimension(written, 'principal') !== undefined;
      const when = isBlind ? assigned(written, 'principal', null) : written;
      return when.kind === 'never' ? [] : [{ key: JSON.stringify(when), when, rule }];
    });
  return { deny: read(deny), allow: allow && read(allow), asked: read(custom?.rules ?? []) };
}
