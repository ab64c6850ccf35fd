import { regexProblem } from '../re2.ts';
import type { RuleDefinition } from './rule-definition.ts';

function problem(value: string): string | undefined {
  const wrong = regexProblem(value);
  return wrong && `a regular expression of RE2: ${wrong}`;
}

const bad = ['(', 'a(?!b)', '(?<=a)b', '\\1', '[', 'a++', 'a'.repeat(1025)];

/** Regular expressions of RE2 (P12). An editor cannot know them. */
export const expressionRules = {
  regex: {
    expected: 'a regular expression of RE2',
    problem,
    good: ['/a.*', '^a$', '(?i)a', '\\d+', '[a-z]{2}'],
    bad: [...bad, '*'],
  },
  // `*` alone means present (P12).
  'regex-or-star': {
    expected: 'a regular expression of RE2, or "*"',
    problem: (value) => (value === '*' ? undefined : problem(value)),
    good: ['*', '/a.*'],
    bad: [...bad, '**'],
  },
} as const satisfies Readonly<Record<string, RuleDefinition>>;
