import { describe, expect, test } from 'vitest';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import type { Shape } from '../../src/policy/shape.ts';
import { ruleDefinitions } from '../../src/policy/text-rules.ts';

/** The rules that a shape and what is inside it name. */
function rulesOf(shape: Shape): readonly string[] {
  switch (shape.is) {
    case 'object':
      return Object.values(shape.fields).flatMap(rulesOf);
    case 'list':
      return rulesOf(shape.items);
    case 'map':
      return [shape.keys === 'port' ? 'port-text' : shape.keys, ...rulesOf(shape.values)];
    case 'refused':
      return rulesOf(shape.inside);
    case 'deprecated':
      return rulesOf(shape.shape);
    case 'text':
      return shape.rule === undefined ? [] : [shape.rule];
    default:
      return [];
  }
}

describe('each rule for a text', () => {
  test('is one of some field', () => {
    const used = new Set(documentShapes.flatMap(({ document }) => rulesOf(document)));
    expect(Object.keys(ruleDefinitions).filter((name) => !used.has(name))).toEqual([]);
  });

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
