import type { Severity } from '../model/diagnostic.ts';

/** The section of one code in docs/reference/codes.md. Codes are stable and never reused (section 8 of policy-surface.md). */
export interface CodePage {
  readonly severity: Severity;
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
  /** `references`: found only by checkReferences, so its silencers are judged there. */
  readonly stage: 'text' | 'references' | 'operation';
}

/** A page, as one row of a table. */
export function page(
  severity: Severity,
  stage: CodePage['stage'],
  title: string,
  cause: string,
  fix: string,
): CodePage {
  return { severity, stage, title, cause, fix };
}
