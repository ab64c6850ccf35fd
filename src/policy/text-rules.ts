import { addressRules } from './rules/addresses.ts';
import { expressionRules } from './rules/expressions.ts';
import { hostRules } from './rules/hosts.ts';
import { httpRules } from './rules/http.ts';
import { nameRules } from './rules/names.ts';
import type { RuleDefinition } from './rules/rule-definition.ts';
import type { TextRule } from './shape.ts';

/** Every rule for a text, by its name; each family has its file in `rules/`. */
export const ruleDefinitions: Readonly<Record<TextRule, RuleDefinition>> = {
  ...nameRules,
  ...hostRules,
  ...addressRules,
  ...httpRules,
  ...expressionRules,
  free: { expected: 'any text', problem: () => undefined, good: ['a\nb'], bad: [] },
};

/** What a text must be under each rule ("expected ..."), or undefined if it is. */
export const textRules = Object.fromEntries(
  Object.entries(ruleDefinitions).map(([name, { problem }]) => [name, problem]),
) as Readonly<Record<TextRule, RuleDefinition['problem']>>;

/** No value of a policy needs control characters, and Envoy refuses most that have some. */
export function hasControlCharacters(value: string): boolean {
  return /\p{Cc}/u.test(value);
}
