/** What a text must be, as data: the check, the editor schema, the support page and the tests are made from it. */
export interface RuleDefinition {
  /** "expected …": what is right, for people. */
  readonly expected: string;
  /** What is wrong with a text that is not empty ("expected …"), or undefined if nothing is. */
  readonly problem: (value: string) => string | undefined;
  /** A regular expression of JavaScript that every right text matches, for editors. It may let wrong texts pass. */
  readonly pattern?: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

/** A rule that is a regular expression and nothing else. */
export function patternRule(
  expected: string,
  pattern: RegExp,
  good: readonly string[],
  bad: readonly string[],
): RuleDefinition {
  const problem = (value: string) => (pattern.test(value) ? undefined : expected);
  return { expected, problem, pattern: pattern.source, good, bad };
}
