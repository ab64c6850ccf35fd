import type { Labels } from '../model/policy.ts';
import { selects } from '../model/selector.ts';
import { remembered } from './keep.ts';

const memory = new WeakMap<readonly object[], ReadonlyMap<string, readonly number[]>>();

/**
 * The objects of a list whose selector fits, in their order; one without a selector fits everybody. Remembered on the list, of which each
 * object has one selector: a further workload costs what fits it, and not a look at all others.
 */
export function selecting<T extends object>(
  objects: readonly T[],
  labels: Labels,
  selectorOf: (object: T) => Labels | undefined,
): readonly T[] {
  if (objects.length === 0) return objects;
  const byLabel = remembered(memory, objects, () => grouped(objects.map(selectorOf)));
  const places = ['', ...Object.entries(labels).map(textOf)].flatMap((label) => [...(byLabel.get(label) ?? [])]);
  return places
    .sort((a, b) => a - b)
    .flatMap((place) => {
      const object = objects[place];
      return object !== undefined && selects(selectorOf(object), labels) ? [object] : [];
    });
}

/** Places in the list by the first label that a selector asks for; empty: it asks for none. */
function grouped(selectors: readonly (Labels | undefined)[]): ReadonlyMap<string, readonly number[]> {
  const groups = new Map<string, number[]>();
  for (const [place, selector] of selectors.entries()) {
    const [first] = Object.entries(selector ?? {});
    const label = first === undefined ? '' : textOf(first);
    const group = groups.get(label);
    if (group) group.push(place);
    else groups.set(label, [place]);
  }
  return groups;
}

function textOf([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}
