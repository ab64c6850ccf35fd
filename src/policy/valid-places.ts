import { fieldPath } from './field-path.ts';
import type { Shape } from './shape.ts';

/**
 * Where in a kind's shape `name` is a valid field, as the place to show for a name that is wrong at `path`: the place that shares the
 * longest beginning with it, then the shortest; undefined if a common word has none near by. `weight` under
 * `spec.http[0].route[0].destination` belongs under `spec.http[].route[]`.
 */
export function placesOf(whole: Shape, name: string, path: string): string | undefined {
  const places: string[] = [];
  collect(whole, /^spec\b/.test(path) ? 'spec' : '', name, places, 0);
  const wanted = path.replaceAll(/\[\d+\]/g, '[]');
  const [best, another] = places.sort(
    (a, b) => shared(b, wanted) - shared(a, wanted) || a.length - b.length || (a < b ? -1 : 1),
  );
  // A common word (`name`) that has a place deep inside a neighbour was not meant for it.
  if (best !== undefined && another !== undefined && isFar(best, wanted)) return undefined;
  return best === '' ? 'the top of the document' : best;
}

function collect(shape: Shape, path: string, name: string, places: string[], depth: number): void {
  if (depth > 16) return;
  if (shape.is === 'list') collect(shape.items, `${path}[]`, name, places, depth + 1);
  if (shape.is === 'deprecated') collect(shape.shape, path, name, places, depth + 1);
  if (shape.is !== 'object') return;
  if (Object.hasOwn(shape.fields, name)) places.push(path);
  for (const [field, inner] of Object.entries(shape.fields))
    collect(inner, fieldPath(path, field), name, places, depth + 1);
}

/** Up from where the name stands, and more than one step down again. */
function isFar(place: string, from: string): boolean {
  const both = shared(place, from);
  return from.split('.').length > both && place.split('.').length > both + 1;
}

function shared(a: string, b: string): number {
  const left = a.split('.');
  const right = b.split('.');
  let length = 0;
  while (length < left.length && left[length] === right[length]) length += 1;
  return length;
}
