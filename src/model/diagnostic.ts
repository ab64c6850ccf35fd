import { compareText } from './compare-text.ts';
import type { ObjectRef, SourceRange } from './provenance.ts';

export type Severity = 'error' | 'warning' | 'info';

export interface RelatedPlace {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/**
 * One finding about what a user wrote, whatever prints it (section 2.6 of experience.md). Errors hold the commit back,
 * warnings are served and shown, infos inform. Messages: values in double quotes, no blame, no full stop.
 */
export interface Diagnostic {
  /** `WEFT0002`; codes are never reused (section 8 of policy-surface.md). */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string;
  readonly at: SourceRange;
  readonly object?: ObjectRef;
  /** The field path, `spec.http[0].timeout`. */
  readonly field?: string;
  readonly related?: readonly RelatedPlace[];
}

/** The order in which findings are shown: by file, then position, then code. */
export function byPosition(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.at.file, b.at.file) ||
    a.at.line - b.at.line ||
    a.at.column - b.at.column ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}
