import { describe, expect, test } from 'vitest';
import { ruleDefinitions } from '../../src/policy/text-rules.ts';

describe('each rule for a text', () => {
  test.each(Object.entries(ruleDefinitions))('%s takes its good examples and none of its bad ones', (_name, rule) => {
    expect(rule.good.length).toBeGreaterThan(0);
    expect(rule.good.filter((value) => rule.problem(value) !== undefined)).toEqual([]);
    expect(rule.bad.filter((value) => rule.problem(value) === undefined)).toEqual([]);
  });

  test.each(
    Object.entries(ruleDefinitions).flatMap(([name, rule]) =>
      rule.pattern === undefined ? [] : [{ name, ...rule, pattern: rule.pattern }],
    ),
  )('the pattern of $name, for editors, refuses nothing that is right', ({ pattern, good }) => {
    const matches = new RegExp(pattern, 'u');
    expect(good.filter((value) => !matches.test(value))).toEqual([]);
  });
});
