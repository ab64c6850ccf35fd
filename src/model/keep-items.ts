/** True if both hold the same objects in the same order. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** `next`, or `previous` itself where both hold the same objects: what is remembered on the list stays valid. */
export function keepItems<T>(previous: readonly T[] | undefined, next: readonly T[]): readonly T[] {
  return previous && sameItems(previous, next) ? previous : next;
}
