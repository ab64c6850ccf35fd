/** The value below which this share of the values lies; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How a benchmark that ran to its end, and missed a goal, ends: the failures of Node are 1. */
const missedStatus = 3;
const missed: string[] = [];
let met = 0;

// The last line of a benchmark; the programs that it starts judge nothing, and say nothing.
process.once('exit', (code) => {
  if (code !== 0 || met + missed.length === 0) return;
  for (const text of missed) console.log(`missed   ${text}`);
  console.log(`goals    ${met} met, ${missed.length} missed`);
  if (missed.length > 0) process.exitCode = missedStatus;
});

/** Holds figures against their goals; what is missed is told at the end under this label. */
export function goalsOf(label: string) {
  const judge = (text: string, goal: string, isMet: boolean): string => {
    const said = `${text} (goal ${goal}: ${isMet ? 'yes' : 'NO'})`;
    if (isMet) met += 1;
    else missed.push(`${label}: ${said}`);
    return said;
  };
  return {
    judge,
    /** `1.83 × the floor (goal ≤ 2: yes)`. */
    atMost: (value: number, goal: number, what: string, digits = 2): string =>
      judge(`${value.toFixed(digits)} ${what}`, `≤ ${goal}`, value <= goal),
  };
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
