/** The allowed word that `written` most likely meant; undefined if none is near (a third of its letters, at least one edit). */
export function nearestWord(written: string, allowed: readonly string[]): string | undefined {
  let best: { readonly word: string; readonly edits: number } | undefined;
  for (const word of allowed) {
    const edits = editDistance(written.toLowerCase(), word.toLowerCase());
    if (edits <= Math.max(1, Math.floor(word.length / 3)) && (best === undefined || edits < best.edits)) {
      best = { word, edits };
    }
  }
  return best?.word;
}

/** Levenshtein's distance; long texts are cut, as no allowed word is near them. */
function editDistance(a: string, b: string): number {
  if (a.length > 64) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const swap = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
