import type { Severity } from '../model/diagnostic.ts';

/**
 * What the program knows of a code; cause, examples and fix stand in its page docs/codes/CODE.md. Codes are stable and never reused
 * (section 8 of policy-surface.md).
 */
export interface CodePage {
  readonly severity: Severity;
  readonly title: string;
  /** `references`: found only by checkReferences, so its silencers are judged there. */
  readonly stage: 'text' | 'references' | 'operation';
}

/** A code, as one row of a table. */
export function page(severity: Severity, stage: CodePage['stage'], title: string): CodePage {
  return { severity, stage, title };
}
