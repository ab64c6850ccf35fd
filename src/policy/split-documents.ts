/** One document of a file as text, and how many lines stand before it. */
export interface DocumentText {
  readonly text: string;
  readonly firstLine: number;
}

/**
 * A file cut before each line that begins a document (`---`), which no text inside one can contain (YAML 1.2, c-forbidden). What stands
 * before the first document belongs to it. A file with directives or explicit ends stays whole.
 */
export function splitDocuments(text: string): readonly DocumentText[] {
  if (/^(?:%|\.\.\.)/m.test(text)) return [{ text, firstLine: 0 }];
  const parts: DocumentText[] = [];
  let [start, firstLine, line] = [0, 0, 0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    line += 1;
    if (!text.startsWith('---', at + 1) || !/^\s?$/.test(text.charAt(at + 4))) continue;
    const part = text.slice(start, at + 1);
    if (parts.length === 0 && /^\uFEFF?(?:[ \t\r]*(?:#[^\n]*)?\n)*$/.test(part)) continue;
    parts.push({ text: part, firstLine });
    [start, firstLine] = [at + 1, line];
  }
  parts.push({ text: text.slice(start), firstLine });
  return parts;
}
