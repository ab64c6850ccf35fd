import type { SourceRange } from '../model/provenance.ts';
import { type LineIndex, rangeAt } from './source-node.ts';

/** The place of one entry of a text whose entries are parted by commas; where the source does not show it so, that of the whole text. */
export function placeWithin(lines: LineIndex, whole: SourceRange, entry: string): SourceRange {
  const { text, starts, firstLine } = lines;
  const start = (starts[whole.line - 1 - firstLine] ?? 0) + whole.column - 1;
  const isBlock = /[|>]/.test(text[start] ?? '');
  const end = isBlock ? blockEnd(lines, whole.line - firstLine) : start + whole.endColumn - whole.column;
  const source = text.slice(start, end);
  // A blank of a block may be the end of a line.
  for (const word of isBlock ? [entry.trim()] : [entry, entry.trim()]) {
    if (word === '') continue;
    // A place before it and one behind: another entry may have it for a part of its own.
    const found = new RegExp(`(?<=^|[,'"\\s])${word.replace(/[^\w\s]/g, '\\$&')}(?=$|[,'"\\s])`).exec(source);
    if (found !== null) return rangeAt(lines, start + found.index, start + found.index + word.length);
  }
  return whole;
}

/** Where a block of text ends whose indicator stands in the line before `next`: at the first line that is not indented further. */
function blockEnd({ text }: LineIndex, next: number): number {
  const rows = text.split('\n');
  const indent = (row: string) => row.search(/\S/);
  const own = indent(rows[next - 1] ?? '');
  let last = next;
  while (last < rows.length && (indent(rows[last] ?? '') === -1 || indent(rows[last] ?? '') > own)) last += 1;
  return rows.slice(0, last).join('\n').length;
}
