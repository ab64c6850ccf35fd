import { describe, expect, test } from 'vitest';
import type { AuthorizationRuleDecision, Condition } from '../../src/model/ir-inbound.ts';
import type { TextMatch } from '../../src/model/ir-route.ts';
import { RBAC_Action } from '../../src/proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { namedCallers, narrow } from '../../src/translate/rbac-narrow.ts';
import { isSeenByTrees } from '../../src/translate/rbac-predicate.ts';
import { ruleTree } from '../../src/translate/rbac-tree.ts';

const { ALLOW, DENY } = RBAC_Action;
const exact = (value: string): TextMatch => ({ kind: 'exact', value });
const who = (value: string): Condition => ({ kind: 'principal', match: exact(value) });
const not = (of: Condition): Condition => ({ kind: 'not', of });
const all = (...of: readonly Condition[]): Condition => ({ kind: 'all', of });
const any = (...of: readonly Condition[]): Condition => ({ kind: 'any', of });
const path = (match: TextMatch): Condition => ({ kind: 'path', match });
const always: Condition = { kind: 'always' };
const never: Condition = { kind: 'never' };
const somebody: Condition = { kind: 'principal', match: { kind: 'present' } };
const teams: Condition = { kind: 'principal', match: { kind: 'prefix', value: 'mesh/ns/shop/' } };

type Rule = Pick<AuthorizationRuleDecision, 'id' | 'caller' | 'operation'>;
const rule = (id: string, caller: Condition, operation: Condition = always): Rule => ({
  id,
  caller,
  operation,
});
const crowd = (count: number) => Array.from({ length: count }, (_, index) => rule(`c${index}`, who(`mesh/c${index}`)));

describe('when rules are a tree', () => {
  test('more than 64 that name their callers', () => {
    expect(ruleTree(ALLOW, crowd(64), 'dots')).toBeUndefined();
    expect(ruleTree(ALLOW, crowd(65), 'dots')).toBeDefined();
    expect(ruleTree(ALLOW, [...crowd(64), rule('z', teams)], 'dots')).toBeUndefined();
    const names = Array.from({ length: 17 }, (_, index) => who(`mesh/n${index}`));
    expect(ruleTree(ALLOW, [...crowd(64), rule('z', any(...names))], 'dots')).toBeUndefined();
    expect(ruleTree(ALLOW, [...crowd(64), rule('z', any(...names.slice(1)))], 'dots')).toBeDefined();
  });

  test('and of which a tree sees all that rules see', () => {
    const header: Condition = { kind: 'header', name: 'x', match: exact('a') };
    const claim: Condition = { kind: 'claim', path: ['role'], match: exact('a') };
    for (const unseen of [header, claim, not(header), all(teams, any(claim, always))]) {
      expect(isSeenByTrees(unseen, 'dots')).toBe(false);
      expect(ruleTree(DENY, [...crowd(65), rule('z', unseen)], 'dots')).toBeUndefined();
    }
    const end = path({ kind: 'suffix', value: '.css' });
    expect([isSeenByTrees(end, 'dots'), isSeenByTrees(end, 'none')]).toEqual([true, false]);
    const expression = (value: string) => isSeenByTrees(path({ kind: 'regex', value }), 'none');
    expect(['.+', '/a/[^/]+/b', '/a\\.b/.*', '/\\(x\\)'].map(expression)).toEqual([true, true, true, true]);
    expect(['/(a|b)', '/a{2}', '/[ab]', '^/a'].map(expression)).toEqual([false, false, false, false]);
  });
});

describe('what is left of a condition', () => {
  test('where the caller is known', () => {
    const asked = all(any(who('mesh/a'), who('mesh/b')), not(who('mesh/b')), teams);
    expect(narrow(asked, 'mesh/a')).toEqual(teams);
    expect(narrow(asked, 'mesh/b')).toEqual(never);
    expect(narrow(asked, 'mesh/c')).toEqual(never);
    expect(narrow(any(somebody, path(exact('/a'))), 'mesh/c')).toEqual(always);
  });

  test('where it has no identity: nothing that asks who it is', () => {
    expect(narrow(somebody, null)).toEqual(never);
    expect(narrow(not(any(teams, who('mesh/a'))), null)).toEqual(always);
    expect(narrow(all(not(teams), path(exact('/a'))), null)).toEqual(path(exact('/a')));
  });

  test('where it has a certificate: everything', () => {
    const asked = all(not(teams), any(somebody, who('mesh/a')));
    expect(narrow(asked, undefined)).toEqual(asked);
  });
});

test('who must call', () => {
  const named = (condition: Condition) => {
    const callers = namedCallers(condition);
    return callers && [...callers];
  };
  expect(named(all(teams, any(who('a'), all(who('b'), teams))))).toEqual(['a', 'b']);
  expect(named(all(any(who('a'), who('b')), who('a')))).toEqual(['a']);
  expect([always, teams, somebody, not(who('a')), any(who('a'), teams)].map(named)).toEqual(Array(5).fill(undefined));
  expect(named(any())).toEqual([]);
});

test('the tree has the rules that name one caller in the order of their ids, and asks plaintext for no name', () => {
  const rules = [rule('a9', who('mesh/x')), rule('a1', teams), rule('a0', who('mesh/x')), ...crowd(65)];
  const tree = JSON.stringify(ruleTree(DENY, rules, 'dots'), (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  // Twice: before the rule that names nobody, and after it.
  expect(tree.split('"spiffe://mesh/x"')).toHaveLength(3);
  expect(tree.split('"case":"matcherTree"')).toHaveLength(3);
  const leaves = ruleTree(ALLOW, [...rules, rule('b', always)], 'dots')?.matcherType;
  if (leaves?.case !== 'matcherList') throw new TypeError('no list');
  const [, ofPlaintext] = leaves.value.matchers;
  expect(JSON.stringify(ofPlaintext)).toContain('"notMatcher"');
  expect(JSON.stringify(ofPlaintext)).not.toContain('"name":"caller"');
});
