import type { ObjectShape, Shape } from './shape.ts';
import { ruleDefinitions, textRules } from './text-rules.ts';

/** Whatever depends on a value says something else of another. */
export interface Variant {
  readonly which: 0 | 1;
  /** A word or number to take wherever it may stand: what is meant may be what other fields name. */
  readonly like?: string | number;
}

/** A value that a shape allows. The two variants differ wherever the shape leaves a choice. */
export function sampleValue(shape: Shape, variant: Variant): unknown {
  switch (shape.is) {
    case 'any':
    case 'refused':
      return undefined;
    case 'deprecated':
      return sampleValue(shape.shape, variant);
    case 'object':
      return Object.fromEntries(
        neededFields(shape, [], variant).map((name) => [name, fieldSample(shape, name, variant)]),
      );
    case 'map':
      return Object.fromEntries(
        Array.from({ length: shape.min }, (_, index) => [
          sampleKey(shape.keys, index),
          sampleValue(shape.values, variant),
        ]),
      );
    case 'list':
      return Array.from({ length: Math.max(shape.min, variant.which) }, () => sampleValue(shape.items, variant));
    case 'text': {
      const { like } = variant;
      const problem = shape.rule && textRules[shape.rule];
      if (typeof like === 'string' && (like !== '' || !shape.nonEmpty) && problem?.(like) === undefined) return like;
      const good = shape.rule === undefined ? ['a', 'b'] : ruleDefinitions[shape.rule].good;
      return good[variant.which] ?? good[0] ?? 'a';
    }
    case 'choice': {
      const words = shape.values.filter((value) => value !== '');
      if (typeof variant.like === 'string' && words.includes(variant.like)) return variant.like;
      return variant.which === 0 ? words[0] : words.at(-1);
    }
    case 'boolean':
      return variant.which === 1;
    case 'percent':
      return variant.which === 0 ? 25 : 50;
    case 'integer':
    case 'number': {
      const { like, which } = variant;
      const isAllowed = typeof like === 'number' && Number.isInteger(like) && like > shape.min && like <= shape.max;
      return isAllowed ? like : Math.min(shape.max, shape.min + 1 + which);
    }
    case 'duration': {
      const least = Math.ceil(Math.max(shape.min, 1) / shape.step) * shape.step;
      return Math.min(shape.max, least + variant.which * shape.step);
    }
    case 'bytes':
      return new Uint8Array(Math.min(shape.maxLength, 1 + variant.which));
    case 'port-or-name':
      return variant.which === 0 ? 80 : 'http';
    default:
      return shape satisfies never;
  }
}

/** The fields that must be written beside those that are. */
export function neededFields(shape: ObjectShape, written: readonly string[], variant: Variant): readonly string[] {
  const has = new Set(written);
  const isServed = (name: string) => shape.fields[name] !== undefined && shape.fields[name].is !== 'refused';
  const need = (name: string | undefined) => {
    if (name === undefined || has.has(name) || !isServed(name)) return;
    has.add(name);
    for (const other of shape.requires[name] ?? []) need(other);
  };
  for (const name of shape.required) need(name);
  for (const group of [...shape.oneOf, ...shape.atLeastOne]) {
    const served = group.filter(isServed);
    if (!group.some((name) => has.has(name))) need(variant.which === 0 ? served[0] : served.at(-1));
  }
  for (const name of written) for (const other of shape.requires[name] ?? []) need(other);
  if (shape.nonEmpty && has.size === 0) {
    const served = Object.keys(shape.fields).filter(isServed);
    need(variant.which === 0 ? served[0] : served.at(-1));
  }
  return [...has].filter((name) => !written.includes(name));
}

export function fieldSample(shape: ObjectShape, name: string, variant: Variant): unknown {
  const field = shape.fields[name];
  return field && sampleValue(field, variant);
}

function sampleKey(keys: Extract<Shape, { is: 'map' }>['keys'], index: number): string {
  if (keys === 'port') return String(80 + index);
  return keys === 'any' ? `a${index}` : (ruleDefinitions[keys].good[index] ?? `a${index}`);
}
