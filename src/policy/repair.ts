import { nearestName } from '../model/nearest-name.ts';
import { fieldPath } from './field-path.ts';
import { fieldSample, neededFields, sampleValue, type Variant } from './sample-values.ts';
import type { ObjectShape, Shape } from './shape.ts';
import type { SourceNode } from './source-node.ts';

/** A value of a shape, made of one that was read from a text with mistakes. */
export interface Repaired {
  readonly value: unknown;
  /** Where it says what nobody wrote, or does not say what somebody wrote. */
  readonly touched: ReadonlySet<string>;
}

/** What was read of a text with mistakes, with something in place of what is wrong or missing; the variants take different values. */
export function repairValue(shape: Shape, value: unknown, path: string, variant: Variant): Repaired {
  const touched = new Set<string>();
  return { value: repair(shape, value, path, variant, touched), touched };
}

function repair(shape: Shape, value: unknown, path: string, variant: Variant, touched: Set<string>): unknown {
  if (shape.is === 'deprecated') return repair(shape.shape, value, path, variant, touched);
  if (value === undefined) {
    touched.add(path);
    return sampleValue(shape, variant);
  }
  switch (shape.is) {
    case 'object':
      return repairObject(shape, Object.entries(value ?? {}), path, variant, touched);
    case 'map':
      return Object.fromEntries(
        Object.entries(value ?? {}).map(([key, inner]) => [
          key,
          repair(shape.values, inner, fieldPath(path, key), variant, touched),
        ]),
      );
    case 'list': {
      if (!Array.isArray(value)) return value;
      const items = value.map((item, index) => repair(shape.items, item, fieldPath(path, index), variant, touched));
      for (let index = items.length; index < shape.min; index++) {
        touched.add(fieldPath(path, index));
        items.push(sampleValue(shape.items, variant));
      }
      return items;
    }
    default:
      return value;
  }
}

function repairObject(
  shape: ObjectShape,
  entries: readonly (readonly [string, unknown])[],
  path: string,
  variant: Variant,
  touched: Set<string>,
): unknown {
  const given = new Map(entries);
  // Of fields that exclude each other one is kept: the first, then the last.
  for (const group of [...shape.exclusive, ...shape.oneOf]) {
    const written = group.filter((name) => given.has(name));
    const kept = variant.which === 0 ? written[0] : written.at(-1);
    for (const name of written) {
      if (written.length > 1) touched.add(fieldPath(path, name));
      if (name !== kept) given.delete(name);
    }
  }
  const fields: [string, unknown][] = [];
  for (const [name, inner] of given) {
    const field = fieldPath(path, name);
    const of = shape.fields[name];
    if (of === undefined) continue;
    // What is wrong and need not be is left out, then something else.
    if (inner === undefined && variant.which === 0 && !shape.required.includes(name)) touched.add(field);
    else fields.push([name, repair(of, inner, field, variant, touched)]);
  }
  for (const name of neededFields(
    shape,
    fields.map(([written]) => written),
    variant,
  )) {
    touched.add(fieldPath(path, name));
    fields.push([name, fieldSample(shape, name, variant)]);
  }
  return Object.fromEntries(fields);
}

/** A node with the names that unknown fields were most likely meant to have. `lost`: the objects that have fields of which nobody knows. */
export function withMeantNames(shape: Shape, node: SourceNode, path: string, lost: Set<string>): SourceNode {
  if (shape.is === 'deprecated') return withMeantNames(shape.shape, node, path, lost);
  if (node.is === 'list') {
    if (shape.is !== 'list') return node;
    const items = node.items.map((item, index) => withMeantNames(shape.items, item, fieldPath(path, index), lost));
    return { ...node, items };
  }
  if (node.is !== 'map' || (shape.is !== 'object' && shape.is !== 'map')) return node;
  if (shape.is === 'map') {
    const entries = node.entries.map((entry) => ({
      ...entry,
      value: withMeantNames(shape.values, entry.value, fieldPath(path, entry.key), lost),
    }));
    return { ...node, entries };
  }
  const names = Object.keys(shape.fields);
  const written = new Set(node.entries.map(({ key }) => key));
  const entries = node.entries.map((entry) => {
    const near = Object.hasOwn(shape.fields, entry.key) ? undefined : nearestName(entry.key, names);
    const key = near === undefined || written.has(near) ? entry.key : near;
    written.add(key);
    const inner = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    if (inner === undefined || inner.is === 'refused') lost.add(path);
    return {
      ...entry,
      key,
      value: inner ? withMeantNames(inner, entry.value, fieldPath(path, key), lost) : entry.value,
    };
  });
  return { ...node, entries };
}
