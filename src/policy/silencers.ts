import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { SourceRange } from '../model/provenance.ts';
import type { CodePage } from './code-page.ts';
import { codePage, type DiagnosticCode } from './diagnostic-codes.ts';
import { reportInto } from './report.ts';
import { type LineIndex, rangeAt } from './source-node.ts';

/** A comment `# weft-ignore CODE: reason` and the lines it covers, both ends included. */
export interface Silencer {
  readonly code: string;
  readonly at: SourceRange;
  readonly reason: string;
  readonly from: number;
  readonly to: number;
  /** Whether it has silenced a finding of an earlier stage. */
  readonly isUsed?: boolean;
}

/** What silencers need to know of a document: where it begins, where its content does, and where it ends (offsets). */
export interface DocumentSpan {
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/**
 * The silencers of a text. One at the end of a line covers that line; one on lines of its own covers the next line with content; one
 * before the content of a document covers the whole document.
 */
export function findSilencers(lines: LineIndex, documents: readonly DocumentSpan[]): readonly Silencer[] {
  if (!lines.text.includes('weft-ignore')) return [];
  const silencers: Silencer[] = [];
  const rows = lines.text.split('\n');
  rows.forEach((row, index) => {
    const found = /(?:^|\s)(#\s*weft-ignore\b\s*([^\s:]*)\s*:?\s*(.*?))\s*$/.exec(row);
    if (!found) return;
    const [, comment = '', code = '', reason = ''] = found;
    const column = row.indexOf(comment);
    const offset = (lines.starts[index] ?? 0) + column;
    const at = rangeAt(lines, offset, offset + comment.length);
    silencers.push({ code, at, reason, ...coveredLines(lines, rows, documents, index, offset, column) });
  });
  return silencers;
}

function coveredLines(
  lines: LineIndex,
  rows: readonly string[],
  documents: readonly DocumentSpan[],
  index: number,
  offset: number,
  column: number,
): { from: number; to: number } {
  const line = lines.firstLine + index + 1;
  if (rows[index]?.slice(0, column).trim() !== '') return { from: line, to: line };
  const document = documents.find(({ start, content }) => start <= offset && offset < content);
  if (document) {
    const last = rangeAt(lines, Math.max(document.content, document.end - 1), document.end).line;
    return { from: line, to: last };
  }
  let next = index + 1;
  while (next < rows.length && /^\s*(?:#.*)?$/.test(rows[next] ?? '')) next += 1;
  return { from: lines.firstLine + next + 1, to: lines.firstLine + next + 1 };
}

/**
 * Removes the warnings and infos that a silencer covers. A silencer that covers none, or is no silencer at all, is a warning itself
 * (WEFT0009); only those whose code belongs to `stage` are judged, because others had no chance yet, and none in a file of which not all was
 * looked at (`partly`).
 */
export function silence(
  diagnostics: readonly Diagnostic[],
  silencers: readonly Silencer[],
  stage: CodePage['stage'],
  partly: (file: string) => boolean = () => false,
): readonly Diagnostic[] {
  if (silencers.length === 0) return diagnostics;
  const used = new Set<Silencer>();
  const kept = diagnostics.filter((finding) => {
    const by = silencers.find((silencer) => covers(silencer, finding));
    if (by) used.add(by);
    return !by;
  });
  const report = reportInto(kept);
  for (const silencer of silencers) {
    const page = codePage(silencer.code);
    if (ofRunningMesh.has(silencer.code) && silencer.reason !== '') continue;
    if (used.has(silencer) || silencer.isUsed || partly(silencer.at.file) || (page ? page.stage : 'text') !== stage)
      continue;
    const [message, hint] = complaint(silencer, page);
    report('WEFT0009', silencer.at, message, hint);
  }
  return kept.sort(byPosition);
}

/** What is found beside a mesh that runs, so that a text alone cannot tell whether a silencer covers anything. */
const ofRunningMesh = new Set<string>(['WEFT0151', 'WEFT0170'] satisfies DiagnosticCode[]);

/** The findings that no silencer covers. */
export function unsilenced(
  diagnostics: readonly Diagnostic[],
  silencers: readonly Silencer[] = [],
): readonly Diagnostic[] {
  return diagnostics.filter((finding) => !silencers.some((silencer) => covers(silencer, finding)));
}

/** The silencers for the next stage: those that covered one of these findings need cover nothing there. */
export function usedBy(diagnostics: readonly Diagnostic[], silencers: readonly Silencer[]): readonly Silencer[] {
  return silencers.map((silencer) =>
    diagnostics.some((finding) => covers(silencer, finding)) ? { ...silencer, isUsed: true } : silencer,
  );
}

function covers(silencer: Silencer, finding: Diagnostic): boolean {
  if (finding.severity === 'error' || silencer.reason === '') return false;
  const { file, line } = finding.at;
  return finding.code === silencer.code && file === silencer.at.file && line >= silencer.from && line <= silencer.to;
}

function complaint({ code, reason }: Silencer, page: CodePage | undefined): readonly [string, string] {
  const form = 'write "# weft-ignore CODE: reason"';
  if (!page) return [`silencer names no code: ${JSON.stringify(code)}`, form];
  if (reason === '') return [`silencer of ${code} gives no reason`, form];
  if (page.severity === 'error' && !mayWarn.has(code))
    return [`${code} is an error and cannot be silenced`, 'mend what it is about'];
  return [`silencer of ${code} covers no finding`, 'remove it'];
}

/** Errors that are warnings in some cases (section 8 of policy-surface.md). */
const mayWarn = new Set<string>([
  'WEFT0004',
  'WEFT0101',
  'WEFT0102',
  'WEFT0113',
  'WEFT0136',
  'WEFT0140',
  'WEFT0182',
  'WEFT0183',
  'WEFT0184',
  'WEFT0185',
] satisfies DiagnosticCode[]);
