import { nearestName } from '../model/nearest-name.ts';

/** The candidate nearest to what was asked for: the first in text order that begins with it, else the one nearest in spelling. */
export function nearest(asked: string, candidates: readonly string[]): string | undefined {
  const word = asked.slice(0, 100);
  const start = word.toLowerCase();
  const begins = candidates.filter((candidate) => start.length > 1 && candidate.toLowerCase().startsWith(start));
  return begins.sort()[0] ?? nearestName(word, candidates);
}
