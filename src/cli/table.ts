/** Columns wide enough for their longest cell, two spaces between them, none at the end of a line; ends with a line feed. */
export function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, ...rows].map((row) => row.map(printable));
  const widths = titles.map((_, column) => Math.max(...lines.map((row) => width(row[column] ?? ''))));
  const printed = lines.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  );
  return `${printed.join('\n')}\n`;
}

/**
 * Text without what could steer a terminal: control characters, escape sequences and marks of writing direction become `\u001b` (T27).
 * A name that somebody else chose can then not clear the screen or pretend to be another line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\t' ? ' ' : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}
