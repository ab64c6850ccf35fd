import type { Labels } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';

interface Labelled {
  readonly labels: Labels;
}

/** Lists below this length are looked through. */
const short = 8;
const indexes = new WeakMap<readonly Labelled[], ReadonlyMap<string, readonly Labelled[]>>();

/** The members of a list that have all these labels (all members without a label), in their order. Remembered on the list. */
export function having<T extends Labelled>(list: readonly T[], labels: Labels): readonly T[] {
  const [first, ...more] = Object.entries(labels);
  if (first === undefined) return list;
  if (list.length < short) return list.filter((one) => selects(labels, one.labels));
  const found = (indexed(list).get(pairOf(...first)) ?? []) as readonly T[];
  return more.length === 0 ? found : found.filter((one) => selects(labels, one.labels));
}

function indexed(list: readonly Labelled[]): ReadonlyMap<string, readonly Labelled[]> {
  let index = indexes.get(list);
  if (index === undefined) {
    const groups = new Map<string, Labelled[]>();
    for (const one of list) {
      for (const [name, value] of Object.entries(one.labels)) {
        const pair = pairOf(name, value);
        const group = groups.get(pair);
        if (group) group.push(one);
        else groups.set(pair, [one]);
      }
    }
    index = groups;
    indexes.set(list, index);
  }
  return index;
}

/** One label as a text: names hold no `=`. */
export function pairOf(name: string, value: string): string {
  return `${name}=${value}`;
}
