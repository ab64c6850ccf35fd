/**
 * The first release of each line of Node with the corrections of HTTP/2 up to CVE-2026-21714 (a window update of the connection beyond
 * its largest value left its session for ever), CVE-2025-59465 (HEADERS that end the process), CVE-2024-27983 (CONTINUATION) and
 * CVE-2023-44487 (rapid reset) among them. Lines that are not named have ended, or began later.
 */
const patched: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  20: [20, 2],
  22: [22, 2],
  24: [14, 1],
  25: [8, 2],
};
const newestLine = 25;

export const minimumNode = Object.entries(patched)
  .map(([line, [minor, patch]]) => `${line}.${minor}.${patch}`)
  .join(', ');

/** Whether a version of Node has them. */
export function satisfies(version: string): boolean {
  const [line = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const least = patched[line];
  if (least === undefined) return line > newestLine;
  return minor > least[0] || (minor === least[0] && patch >= least[1]);
}
