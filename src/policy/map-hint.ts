import type { DeprecatedShape, ListShape, ObjectShape, Shape } from './shape.ts';
import type { MapEntry, MapNode, ScalarNode, SourceNode } from './source-node.ts';

/**
 * A value that stands where a map belongs, as the map that was meant: `{ exact: /b }`, `{ number: 80 }`, `{ mode: REGISTRY_ONLY }`.
 * Undefined where no field takes such a value, or several do. `fits` tells what a field takes.
 */
export function wrapped(
  shape: ObjectShape,
  node: ScalarNode,
  fits: (shape: Shape, node: ScalarNode) => boolean,
): string | undefined {
  if (node.value === null) return undefined;
  // A text condition is exact unless it says otherwise, of numbers too.
  if (shape.fields.exact?.is === 'text') return `{ exact: ${textOf(node)} }`;
  const fitting = Object.entries(shape.fields).filter(([, inner]) => fits(inner, node));
  const words = fitting.filter(([, { is }]) => is === 'choice');
  const required = fitting.filter(([name]) => shape.required.includes(name));
  // One of the words of a list says more than a text that may be anything; then what may not be left out.
  const sole = [words, required, fitting].find(({ length }) => length === 1)?.[0];
  if (sole === undefined) return undefined;
  return `{ ${sole[0]}: ${typeof node.value === 'string' ? textOf(node) : node.source} }`;
}

/** What stands where a list belongs, as the list that was meant: `[reviews]`, `[{ number: 443 }]`. */
export function listed(
  { items }: ListShape,
  node: SourceNode,
  fits: (shape: Shape, node: ScalarNode) => boolean,
): string | undefined {
  if (node.is === 'map') return items.is === 'object' ? 'a list: begin each map in it with "- "' : undefined;
  if (node.is !== 'scalar') return undefined;
  const entry = items.is === 'object' ? wrapped(items, node, fits) : fits(items, node) ? textOf(node) : undefined;
  return entry && `[${entry}]`;
}

/**
 * Inside `{ }` a comma ends a value: of `retryOn: 5xx,reset` the second word is a field without a value. What is to be written, where the
 * field before these words takes a text.
 */
export function unquoted(shape: ObjectShape, { entries }: MapNode, entry: MapEntry, text: string): string | undefined {
  const isWord = ({ key, value }: MapEntry) => isBare(value) && !Object.hasOwn(shape.fields, key);
  const isNext = (before: MapEntry, next: MapEntry) =>
    /^\s*,\s*$/.test(text.slice(isBare(before.value) ? before.end : before.value.end, next.start));
  const at = entries.indexOf(entry);
  let first = at;
  while (
    first > 0 &&
    isWord(entries[first] as MapEntry) &&
    isNext(entries[first - 1] as MapEntry, entries[first] as MapEntry)
  )
    first -= 1;
  const field = entries[first];
  if (field === undefined || first === at || field.value.is !== 'scalar') return undefined;
  if (shape.fields[field.key]?.is !== 'text' || field.value.value === null) return undefined;
  let last = at;
  for (
    let next = entries[last + 1];
    next !== undefined && isWord(next) && isNext(entries[last] as MapEntry, next);
    next = entries[last + 1]
  )
    last += 1;
  const words = entries.slice(first + 1, last + 1).map(({ key }) => key);
  return `${field.key}: ${JSON.stringify([field.value.value, ...words].join(','))}`;
}

function isBare(node: SourceNode): boolean {
  return node.is === 'scalar' && node.value === null && node.source === '';
}

/** More entries than these make no hint. */
const mostEntries = 3;

/**
 * What replaces a deprecated field, with its value: `percentage: { value: 5 }` for `percentage.value`, and a list of maps for
 * `allowOrigins[].exact`. Where the value is not one word, or no short list of such, only the name of the field.
 */
export function successor({ write, also }: Pick<DeprecatedShape, 'write' | 'also'>, node: SourceNode): string {
  const [, name = write, isList, inner] = /^(\w+)(\[\])?(?:\.(\w+))?$/.exec(write) ?? [];
  const entries = (isList === undefined ? [node] : node.is === 'list' ? node.items : []).map((one) =>
    wordOf(one, inner),
  );
  const isShort = entries.length > 0 && entries.length <= mostEntries && entries.every((one) => one !== undefined);
  const field = !isShort ? write : `${name}: ${isList === undefined ? entries[0] : `[${entries.join(', ')}]`}`;
  return also === '' ? field : `${field}, ${also}`;
}

/** One word as the value of a field, or of the only field of a map. */
function wordOf(node: SourceNode, field: string | undefined): string | undefined {
  if (node.is !== 'scalar' || node.value === null) return undefined;
  const word = typeof node.value === 'string' ? textOf(node) : node.source;
  return field === undefined ? word : `{ ${field}: ${word} }`;
}

/** The value as a text inside `{ }`: what YAML would take for something else is quoted. */
function textOf({ value, source }: ScalarNode): string {
  if (typeof value !== 'string') return JSON.stringify(source);
  const isWord = /^[A-Za-z/][\w./-]*$/.test(value) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(value);
  return isWord ? value : JSON.stringify(value);
}
