import type { SourceRange } from '../model/provenance.ts';

/** A parsed document without YAML's words: what was written, and the offsets of where. Aliases are already followed. */
export type SourceNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly is: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written, for messages. */
  readonly source: string;
  readonly start: number;
  readonly end: number;
}
export interface ListNode {
  readonly is: 'list';
  readonly items: readonly SourceNode[];
  readonly start: number;
  readonly end: number;
}
export interface MapNode {
  readonly is: 'map';
  readonly entries: readonly MapEntry[];
  readonly start: number;
  readonly end: number;
}
export interface MapEntry {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly value: SourceNode;
}

/** One YAML document of a file and the offsets it spans, comments included. */
export interface SourceDocument {
  readonly root: SourceNode;
  readonly start: number;
  readonly end: number;
}

/** The entry of a map with this key. */
export function entryOf(node: SourceNode | undefined, key: string): MapEntry | undefined {
  return node?.is === 'map' ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The text at `key` if it is one. */
export function textOf(node: SourceNode | undefined, key: string): string | undefined {
  const value = entryOf(node, key)?.value;
  return value?.is === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}

/** How a node is called in "expected ..., got ..." messages. */
export function describeNode(node: SourceNode): string {
  if (node.is === 'list') return 'a list';
  if (node.is === 'map') return 'a map';
  if (node.value === null) return 'nothing';
  const shown = typeof node.value === 'string' ? node.value : node.source;
  const cut = shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
  return typeof node.value === 'string' ? JSON.stringify(cut) : cut;
}

/** Offsets of a file, or of a part of it, as lines and columns. */
export interface LineIndex {
  readonly file: string;
  readonly text: string;
  /** How many lines of the file stand before `text`. */
  readonly firstLine: number;
  readonly starts: readonly number[];
}

export function indexLines(file: string, text: string, firstLine = 0): LineIndex {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return { file, text, firstLine, starts };
}

/** The span from `start` to `end` (exclusive), cut at the end of its first line: a caret line can show only that. */
export function rangeAt(lines: LineIndex, start: number, end: number): SourceRange {
  const line = lineOf(lines, start);
  const lineStart = lines.starts[line] ?? 0;
  const next = lines.starts[line + 1];
  const lineEnd = next === undefined ? lines.text.length : next - 1;
  const last = Math.max(start + 1, Math.min(end, lineEnd));
  const column = start - lineStart + 1;
  const number = lines.firstLine + line + 1;
  return { file: lines.file, line: number, column, endLine: number, endColumn: column + last - start };
}

/** The 0-based line of an offset. */
function lineOf(lines: LineIndex, offset: number): number {
  let low = 0;
  let high = lines.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lines.starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
