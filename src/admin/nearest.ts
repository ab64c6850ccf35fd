/**
 * The candidate nearest to what was asked for: one that begins with it, else one at most a third of its length (at least 2) edits
 * away; ties go to the first in text order.
 */
export function nearest(asked: string, candidates: readonly string[]): string | undefined {
  const word = asked.slice(0, 100).toLowerCase();
  const limit = Math.max(2, Math.floor(word.length / 3));
  const ranked = candidates
    .map((candidate) => {
      const other = candidate.toLowerCase();
      return { candidate, edits: word.length > 1 && other.startsWith(word) ? 0 : editDistance(word, other) };
    })
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1));
  return ranked[0]?.candidate;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
