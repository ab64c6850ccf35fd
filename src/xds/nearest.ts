/** Did-you-mean: of these names the one that differs least, by at most two letters or a third of its own; undefined where none is near. */
export function nearestOf(name: string, candidates: readonly string[]): string | undefined {
  const far = (candidate: string) => distance(name.slice(0, 64).toLowerCase(), candidate.toLowerCase());
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: far(candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.max(2, candidate.length / 3) && edits < candidate.length / 2 + 1)
    .sort((one, other) => one.edits - other.edits);
  return best?.candidate;
}

/**
 * Did-you-mean for what was shortened: of these names the only one in which the words of `name` begin words, in their order, as those of
 * `certChain` do in `certificateChain` and that of `key` does in `privateKey`.
 */
export function lengthenedOf(name: string, candidates: readonly string[]): string | undefined {
  const asked = wordsOf(name.slice(0, 64));
  const meant = candidates.filter((candidate) => shortens(asked, wordsOf(candidate)));
  return name.length > 2 && meant.length === 1 ? meant[0] : undefined;
}

function wordsOf(name: string): readonly string[] {
  return name.split(/(?=[A-Z])|[_-]/).map((word) => word.toLowerCase());
}

function shortens(asked: readonly string[], words: readonly string[]): boolean {
  let at = 0;
  for (const word of words) if (word.startsWith(asked[at] ?? '/')) at += 1;
  return at === asked.length;
}

/** How many letters have to be put in, left out, changed or swapped with their neighbour. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let above = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const at = (cells: readonly number[], index: number) => cells[index] ?? Number.POSITIVE_INFINITY;
      const isEqual = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      line.push(
        Math.min(
          at(above, column) + 1,
          at(line, column - 1) + 1,
          at(above, column - 1) + (isEqual ? 0 : 1),
          isSwapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = above;
    above = line;
  }
  return above[other.length] ?? 0;
}
