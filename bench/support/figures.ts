/** The value below which this share of the values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** `1.83 (goal ≤ 2.0: yes)`. */
export function againstGoal(value: number, goal: number, digits = 2): string {
  return `${value.toFixed(digits)} (goal ≤ ${goal}: ${value <= goal ? 'yes' : 'NO'})`;
}

/** Prints rows below their titles, columns aligned to the right, the first to the left. */
export function printTable(titles: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [titles, ...rows].map((row) => row.map((cell) => (typeof cell === 'number' ? short(cell) : cell)));
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    );
}

/** Three digits that matter, at most two after the point. */
function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
