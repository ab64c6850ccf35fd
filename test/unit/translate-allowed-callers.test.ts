import { expect, test } from 'vitest';
import type { AuthorizationRuleDecision, Condition } from '../../src/model/ir-inbound.ts';
import type { TextMatch } from '../../src/model/ir-route.ts';
import { allowedCallers } from '../../src/translate/allowed-callers.ts';

const always: Condition = { kind: 'always' };
const exact = (value: string): TextMatch => ({ kind: 'exact', value });
const principal = (value: string): Condition => ({ kind: 'principal', match: exact(value) });
const address: Condition = { kind: 'source-address', cidr: '10.0.0.0/8' };

function rule(caller: Condition, operation: Condition = always): AuthorizationRuleDecision {
  const range = { file: 'a.yaml', line: 1, column: 1, endLine: 1, endColumn: 1 };
  const object = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'a' };
  return { id: 'a', by: { object, field: 'spec', at: range, commit: 'c' }, caller, operation };
}

test.each<[string, readonly AuthorizationRuleDecision[] | undefined, readonly TextMatch[] | undefined]>([
  ['no ALLOW policy: anybody', undefined, undefined],
  ['no rule: nobody', [], []],
  [
    'principals of all rules',
    [rule(principal('a')), rule({ kind: 'any', of: [principal('b'), principal('c')] })],
    ['a', 'b', 'c'].map(exact),
  ],
  ['a rule without a principal: anybody', [rule(principal('a')), rule(address)], undefined],
  [
    'further conditions narrow, so the principal still bounds',
    [rule({ kind: 'all', of: [address, principal('a')] })],
    [exact('a')],
  ],
  ['an alternative without a principal: anybody', [rule({ kind: 'any', of: [address, principal('a')] })], undefined],
  ['a negation excludes, so it bounds nothing', [rule({ kind: 'not', of: principal('a') })], undefined],
  ['a rule for other ports allows nobody here', [rule(principal('a'), { kind: 'never' })], []],
  ['never', [rule({ kind: 'never' })], []],
])('%s', (_, allow, callers) => {
  expect(allowedCallers({ deny: [], allow })).toEqual(callers);
});

const a = principal('a');
test.each<[string, Condition, Condition, readonly TextMatch[] | undefined]>([
  ['everybody: nobody is left', always, always, []],
  ['some: the others are still heard', a, always, undefined],
  ['all but one', { kind: 'not', of: a }, always, [exact('a')]],
  ['all but some', { kind: 'not', of: { kind: 'any', of: [a, principal('b')] } }, always, ['a', 'b'].map(exact)],
  ['all but those of an address', { kind: 'not', of: address }, always, undefined],
  [
    'all but one, of an address: who else comes may be let in',
    { kind: 'all', of: [{ kind: 'not', of: a }, address] },
    always,
    undefined,
  ],
  ['everybody, at other ports', always, { kind: 'never' }, undefined],
  ['everybody, by a name', always, { kind: 'server-name', match: exact('a') }, undefined],
])('DENY of %s', (_, caller, operation, callers) => {
  const deny = [rule(principal('c')), rule(caller, operation)];
  expect(allowedCallers({ deny, allow: undefined })).toEqual(callers);
  expect(allowedCallers({ deny, allow: [rule(principal('z'))] })).toEqual(callers ?? [exact('z')]);
});
