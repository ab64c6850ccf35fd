import type { SourceRange } from '../model/provenance.ts';
import { fieldPath } from './field-path.ts';
import type { ListShape, ObjectShape } from './shape.ts';
import { narrows, type ShapeFindings, supportedNames } from './shape-findings.ts';
import type { ListNode, MapNode } from './source-node.ts';

/** Rules between the fields of one object: what is required, what excludes what. `written` are its known fields with their places. */
export function checkFields(
  shape: ObjectShape,
  node: MapNode,
  path: string,
  written: ReadonlyMap<string, SourceRange>,
  findings: ShapeFindings,
): void {
  const own = findings.placeOf(path, node);
  const missing = (message: string, hint: string) => findings.report('WEFT0002', own, message, hint, { field: path });
  for (const name of shape.required) {
    if (!written.has(name)) missing(`expected ${JSON.stringify(name)}, which is required`, `add ${name}`);
  }
  for (const group of [...shape.oneOf, ...shape.atLeastOne]) {
    if (!group.some((name) => written.has(name)))
      missing(`expected ${orList(group.map((name) => JSON.stringify(name)))}, which is required`, `add ${group[0]}`);
  }
  for (const group of [...shape.exclusive, ...shape.oneOf]) {
    const [first, second] = group.filter((name) => written.has(name));
    const at = second && written.get(second);
    if (!at) continue;
    const field = fieldPath(path, second);
    const other = first && written.get(first);
    const related = other ? [{ file: other.file, line: other.line, message: first }] : [];
    findings.report('WEFT0137', at, `${first} and ${second} exclude each other`, 'keep one', { field, related });
  }
  for (const [name, needed] of Object.entries(shape.requires)) {
    const at = written.get(name);
    const absent = needed.find((other) => !written.has(other));
    if (!at || absent === undefined) continue;
    const message = `expected ${JSON.stringify(absent)} beside ${name}`;
    findings.report('WEFT0002', at, message, `add ${absent}`, { field: fieldPath(path, name) });
  }
  if (shape.nonEmpty && node.entries.length === 0) {
    const hint = `write one of ${supportedNames(shape).join(', ')}${narrows(path) ? '' : ', or remove it'}`;
    missing('expected at least one field, got an empty map', hint);
  }
}

/** How many entries a list has, and that none is there twice. `values` are what its items were read as. */
export function checkEntries(
  shape: ListShape,
  node: ListNode,
  path: string,
  values: readonly unknown[],
  findings: ShapeFindings,
): void {
  const { length } = node.items;
  if (length < shape.min) {
    const got = length === 0 ? 'an empty list' : String(length);
    findings.wrong(node, path, shape.min === 1 ? 'at least one entry' : `at least ${shape.min} entries`, shape, got);
  }
  const beyond = node.items[shape.max];
  if (beyond) findings.wrong(beyond, path, `at most ${shape.max} entries`, shape, String(length));
  if (shape.unique === false) return;
  const inner = shape.unique === true ? '' : `.${shape.unique}`;
  const what = shape.unique === true ? 'entry' : (shape.unique.split('.').at(-1) ?? '');
  const seen = new Map<string, string>();
  values.forEach((value, index) => {
    const item = node.items[index];
    const part = shape.unique === true ? value : valueAt(value, shape.unique);
    if (part === undefined || !item) return;
    const key = JSON.stringify(part);
    const field = `${fieldPath(path, index)}${inner}`;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, field);
      return;
    }
    const { file, line } = findings.placeOf(first, item);
    findings.report(
      'WEFT0002',
      findings.placeOf(field, item),
      `expected each ${what} once, got ${key} again`,
      `first at ${first}; keep one`,
      { field, related: [{ file, line, message: 'first here' }] },
    );
  });
}

/** The value at `port.number` inside what was read. */
function valueAt(value: unknown, path: string | false): unknown {
  return (path || '')
    .split('.')
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === 'object' && inner !== null
          ? Object.entries(inner).find(([name]) => name === key)?.[1]
          : undefined,
      value,
    );
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
