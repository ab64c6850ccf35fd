import type { Diagnostic, RelatedPlace, Severity } from '../model/diagnostic.ts';
import { refText } from '../model/provenance.ts';
import { codePage } from './diagnostic-codes.ts';

/** The JSON record of a finding (section 8 of policy-surface.md). */
export interface DiagnosticRecord {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** `VirtualService/shop/reviews`; empty for findings about a file. */
  readonly object: string;
  readonly field: string;
  /** What is written about the code, below the folder of Weft: `docs/codes/WEFT0002.md`, or its section of `docs/reference/codes.md`. */
  readonly docs: string;
  readonly related: readonly RelatedPlace[];
}

export function diagnosticRecord(finding: Diagnostic): DiagnosticRecord {
  const { code, severity, message, hint, at, object, field = '', related = [] } = finding;
  const { file, line, column, endLine, endColumn } = at;
  const name = object ? refText(object) : '';
  return {
    code,
    severity,
    message,
    hint,
    file,
    line,
    column,
    endLine,
    endColumn,
    object: name,
    field,
    docs: docsOf(code),
    related,
  };
}

/** Failures of operations that stand among findings (WEFT0601) have a section, and no page of their own. */
export function docsOf(code: string): string {
  return codePage(code) ? `docs/codes/${code}.md` : `docs/reference/codes.md#${code.toLowerCase()}`;
}

/** The first line of a finding: `policies/reviews.yaml:13:7: error WEFT0002 spec.http[0].route[0]: unknown field "wieght"`. */
function diagnosticLine(finding: Diagnostic): string {
  const { file, line, column } = finding.at;
  const field = finding.field ? ` ${finding.field}` : '';
  return printable(`${file}:${line}:${column}: ${finding.severity} ${finding.code}${field}: ${finding.message}`);
}

/**
 * A finding with its code frame (section 1.1 of experience.md): the line before, the line, and carets with the hint. `textOf` gives
 * the text of a file, or undefined where it is not at hand: then the hint stands alone. No line break at the end.
 */
export function renderDiagnostic(finding: Diagnostic, textOf: (file: string) => string | undefined): string {
  const { at } = finding;
  const lines = textOf(at.file)?.split('\n');
  const head = diagnosticLine(finding);
  const line = lines?.[at.line - 1];
  const hint = printable(finding.hint);
  if (line === undefined) return `${head}\n  ${hint}`;
  const width = String(at.line).length;
  const before = at.line > 1 ? lines?.[at.line - 2] : undefined;
  const start = at.column > 100 ? at.column - 60 : 1;
  const row = (number: string, text: string) => `  ${number.padStart(width)} | ${text}`.trimEnd();
  // Escapes make a line longer, so the caret stands under the printed text, not the written one.
  const lead = cut(line, start, at.column);
  const span = cut(line, at.column, Math.max(at.column + 1, at.endLine === at.line ? at.endColumn : line.length + 1));
  const carets = '^'.repeat(Math.max(1, Math.min(span.length, 80)));
  const rows = [
    row(String(at.line), cut(line, start, start + 160)),
    row('', `${' '.repeat(lead.length)}${carets} ${hint}`),
  ];
  if (before !== undefined) rows.unshift(row(String(at.line - 1), cut(before, start, start + 160)));
  return [head, ...rows].join('\n');
}

/** Findings one after another; after `limit` (0: all), the number left. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  textOf: (file: string) => string | undefined,
  limit = 20,
): string {
  const shown = limit === 0 ? diagnostics : diagnostics.slice(0, limit);
  const rest = diagnostics.length - shown.length;
  const frames = shown.map((finding) => renderDiagnostic(finding, textOf));
  if (rest > 0) frames.push(`${rest} more, --all shows them`);
  return frames.join('\n');
}

/** `2 errors, 1 warning in 6 files (41 ms)`; infos are named only where there are some. */
export function renderSummary(diagnostics: readonly Diagnostic[], files: number, millis: number): string {
  const of = (severity: Severity) => diagnostics.filter((finding) => finding.severity === severity).length;
  const infos = of('info');
  const parts = [plural(of('error'), 'error'), plural(of('warning'), 'warning')];
  if (infos > 0) parts.push(plural(infos, 'info'));
  return `${parts.join(', ')} in ${plural(files, 'file')} (${Math.round(millis)} ms)`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

/** Columns `from` to `to` (counted from 1, exclusive) of a line, printable. */
function cut(line: string, from: number, to: number): string {
  return printable(
    line
      .slice(from - 1, to - 1)
      .replaceAll('\t', ' ')
      .replace(/\r$/, ''),
  );
}

/** Text in which control characters, and those that turn the direction of writing, are escaped: a policy cannot drive a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu, (char) => {
    return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
