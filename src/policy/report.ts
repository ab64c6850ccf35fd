import type { Diagnostic, RelatedPlace, Severity } from '../model/diagnostic.ts';
import type { ObjectRef, SourceRange } from '../model/provenance.ts';
import { type DiagnosticCode, severityOf } from './diagnostic-codes.ts';

export interface ReportDetails {
  readonly object?: ObjectRef;
  readonly field?: string;
  readonly related?: readonly RelatedPlace[];
  /** Where it is not the code's usual one. */
  readonly severity?: Severity;
}

/** Notes one finding. The severity is the code's own unless `details` say otherwise. */
export type Report = (
  code: DiagnosticCode,
  at: SourceRange,
  message: string,
  hint: string,
  details?: ReportDetails,
) => void;

/** A Report that appends to `found`. `defaults` are details of every finding, such as the object it is about. */
export function reportInto(found: Diagnostic[], defaults: ReportDetails = {}): Report {
  return (code, at, message, hint, details = {}) => {
    const { severity = severityOf(code), ...rest } = { ...defaults, ...details };
    found.push({ code, severity, message, hint, at, ...rest });
  };
}
