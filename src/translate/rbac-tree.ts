import { compareText } from '../model/compare-text.ts';
import type { AuthorizationRuleDecision, Condition } from '../model/ir-inbound.ts';
import type { PathNormalization } from '../model/ir-mesh.ts';
import { pack } from '../proto/codec.ts';
import { ActionSchema, RBAC_Action } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import {
  type Matcher,
  type Matcher_MatcherList_FieldMatcher,
  Matcher_MatcherList_FieldMatcherSchema,
  type Matcher_MatcherList_Predicate,
  type Matcher_OnMatch,
  Matcher_OnMatchSchema,
  MatcherSchema,
} from '../proto/gen/xds/type/matcher/v3/matcher_pb.ts';
import { message } from '../proto/message.ts';
import { namedCallers, narrow } from './rbac-narrow.ts';
import {
  callerInput,
  hasCertificate,
  hasIdentity,
  hasNoCertificate,
  hasSeveralNames,
  isSeenByTrees,
  predicateOf,
} from './rbac-predicate.ts';

type Rule = Pick<AuthorizationRuleDecision, 'id' | 'caller' | 'operation'>;
type Leaf = Matcher_MatcherList_FieldMatcher;

/** So many rules that name their callers are looked at one by one, and can be read in a dump. */
const few = 64;

/** A rule that names more stands once, for everybody. */
const manyCallers = 16;

/**
 * Many rules about requests as a tree, so that a request costs what concerns its caller and not the number of rules (decision 62). Rules stand in
 * the order of their ids, in which Envoy looks at them; those one after another that name their callers are found by the caller's identity.
 * Whoever has no certificate has leaves of their own, which ask nothing of it. Undefined where rules are few, or a tree would see otherwise.
 */
export function ruleTree(
  action: RBAC_Action.ALLOW | RBAC_Action.DENY,
  rules: readonly Rule[],
  normalization: PathNormalization,
): Matcher | undefined {
  const all = rules.map(({ id, caller, operation }): TreeRule => {
    const condition: Condition = { kind: 'all', of: [caller, operation] };
    const callers = namedCallers(condition);
    const isNamed = callers !== undefined && callers.size <= manyCallers;
    return { id, condition, ...(isNamed && { callers }) };
  });
  if (all.filter(({ callers }) => callers !== undefined).length <= few) return undefined;
  if (!all.every(({ condition }) => isSeenByTrees(condition, normalization))) return undefined;
  const inOrder = all.toSorted((one, other) => compareText(one.id, other.id));
  const ofCertificates = [
    // Nobody whom the mesh knows has two identities, of which rules would judge each.
    leaf(hasSeveralNames, decided('identity[several]', DENY)),
    ...runsOf(inOrder).flatMap((run) =>
      run.named ? byCaller(run.rules, action) : leaves(run.rules, undefined, action),
    ),
  ];
  const ofPlaintext = leaves(inOrder, null, action);
  // Without an answer Envoy refuses, and names no rule: that is what ALLOW means.
  const otherwise = action === DENY ? decided('none', ALLOW) : undefined;
  // What a list has no answer for goes on to the next leaf: those of plaintext say that they are.
  const branches = [
    leaf(hasCertificate, nested(listOf(ofCertificates, otherwise))),
    ...(ofPlaintext.length === 0 ? [] : [leaf(hasNoCertificate, nested(listOf(ofPlaintext, otherwise)))]),
  ];
  return listOf(branches, otherwise);
}

const { ALLOW, DENY } = RBAC_Action;

interface TreeRule {
  readonly id: string;
  readonly condition: Condition;
  /** Who must call; absent: it names nobody, or too many. */
  readonly callers?: ReadonlySet<string>;
}

/** Rules one after another that all name their callers, or all do not. */
function runsOf(rules: readonly TreeRule[]): readonly { readonly named: boolean; readonly rules: TreeRule[] }[] {
  const runs: { readonly named: boolean; readonly rules: TreeRule[] }[] = [];
  for (const rule of rules) {
    const named = rule.callers !== undefined;
    const last = runs.at(-1);
    if (last?.named === named) last.rules.push(rule);
    else runs.push({ named, rules: [rule] });
  }
  return runs;
}

/** For each identity its rules. Whoever is not named, or whom none of them matches, goes on to the next leaf. */
function byCaller(rules: readonly TreeRule[], action: RBAC_Action): readonly Leaf[] {
  const known = new Map<string, TreeRule[]>();
  for (const rule of rules)
    for (const caller of rule.callers ?? []) {
      const own = known.get(caller);
      if (own) own.push(rule);
      else known.set(caller, [rule]);
    }
  const map = [...known].flatMap(([caller, own]) => {
    const concerned = leaves(own, caller, action);
    return concerned.length === 0 ? [] : [[`spiffe://${caller}`, nested(listOf(concerned))] as const];
  });
  if (map.length === 0) return [];
  const tree = message(MatcherSchema, {
    matcherType: {
      case: 'matcherTree',
      value: { input: callerInput, treeType: { case: 'exactMatchMap', value: { map: Object.fromEntries(map) } } },
    },
  });
  return [leaf(hasIdentity, nested(tree))];
}

/** One for each rule that can match this caller. */
function leaves(rules: readonly TreeRule[], caller: string | null | undefined, action: RBAC_Action): readonly Leaf[] {
  return rules.flatMap(({ id, condition }) => {
    const open = narrow(condition, caller);
    return open.kind === 'never' ? [] : [leaf(predicateOf(open), decided(id, action))];
  });
}

function leaf(predicate: Matcher_MatcherList_Predicate, onMatch: Matcher_OnMatch): Leaf {
  return message(Matcher_MatcherList_FieldMatcherSchema, { predicate, onMatch });
}

function decided(name: string, action: RBAC_Action): Matcher_OnMatch {
  return message(Matcher_OnMatchSchema, {
    onMatch: { case: 'action', value: { name: 'action', typedConfig: pack(ActionSchema, { name, action }) } },
  });
}

function nested(matcher: Matcher): Matcher_OnMatch {
  return message(Matcher_OnMatchSchema, { onMatch: { case: 'matcher', value: matcher } });
}

function listOf(matchers: readonly Leaf[], onNoMatch?: Matcher_OnMatch): Matcher {
  return message(MatcherSchema, {
    matcherType: { case: 'matcherList', value: { matchers: [...matchers] } },
    ...(onNoMatch && { onNoMatch }),
  });
}
