/**
 * What may be written where, as plain data (section 1.2 of policy-surface.md). One list per kind lives in `kinds/`; the parser, the
 * did-you-mean, the tests and later the editor schema are made from it. Every field is supported, refused by name or unknown.
 */

import { longestDuration } from './duration.ts';

/** When a refused field is planned; `never`: it stays refused. */
export type Tier = 'T1' | 'T2' | 'never';

/** Named rules for a text beyond "not empty"; each has one check in `text-rules.ts`. */
export type TextRule =
  | 'label'
  | 'label-key'
  | 'label-value'
  | 'name'
  | 'header-name'
  | 'condition-name'
  | 'header-value'
  | 'host'
  | 'export-to'
  | 'ip'
  | 'ip-or-cidr'
  | 'regex'
  | 'regex-or-star'
  | 'port-text'
  | 'method'
  | 'no-star'
  /** Control characters and line breaks too. */
  | 'free';

export interface ObjectShape<F extends Fields = Fields, R extends string = string> {
  readonly is: 'object';
  readonly fields: F;
  readonly required: readonly R[];
  /** Groups of fields of which at most one may be written (WEFT0137). */
  readonly exclusive: readonly (readonly string[])[];
  /** At least one field must be written (P40). */
  readonly nonEmpty: boolean;
}
export interface MapShape<V extends Shape = Shape> {
  readonly is: 'map';
  readonly keys: TextRule | 'port' | 'any';
  readonly values: V;
}
export interface ListShape<I extends Shape = Shape> {
  readonly is: 'list';
  readonly items: I;
  readonly nonEmpty: boolean;
}
export interface TextShape {
  readonly is: 'text';
  readonly rule?: TextRule;
  readonly nonEmpty: boolean;
}
/** One of some words. Refused words are valid in Istio; deprecated ones are read as another word. */
export interface ChoiceShape<V extends string = string> {
  readonly is: 'choice';
  readonly values: readonly V[];
  readonly refused: Readonly<Record<string, Tier>>;
  readonly deprecated: Readonly<Record<string, V>>;
}
export interface IntegerShape {
  readonly is: 'integer';
  readonly min: number;
  readonly max: number;
}
export interface PercentShape {
  readonly is: 'percent';
}
export interface BooleanShape {
  readonly is: 'boolean';
}
/** Becomes milliseconds. */
export interface DurationShape {
  readonly is: 'duration';
  readonly min: number;
  readonly max: number;
}
/** A whole number or a text (`targetPort`). */
export interface PortOrNameShape {
  readonly is: 'port-or-name';
}
export interface RefusedShape {
  readonly is: 'refused';
  readonly tier: Tier;
  /** What may stand inside, so that misspellings in there are told too. */
  readonly inside: Shape;
}
export interface DeprecatedShape<S extends Shape = Shape> {
  readonly is: 'deprecated';
  readonly shape: S;
  /** The field to write instead. */
  readonly write: string;
}
/** Read by nobody here: inside refused fields only. */
export interface AnyShape {
  readonly is: 'any';
}

export type Shape =
  | ObjectShape
  | MapShape
  | ListShape
  | TextShape
  | ChoiceShape
  | IntegerShape
  | PercentShape
  | BooleanShape
  | DurationShape
  | PortOrNameShape
  | RefusedShape
  | DeprecatedShape
  | AnyShape;

export type Fields = { readonly [name: string]: Shape };

/** The value that a shape's text becomes. Refused fields never reach a value. */
export type Infer<S> = S extends {
  readonly is: 'object';
  readonly fields: infer F;
  readonly required: readonly (infer R)[];
}
  ? { readonly [K in Extract<Readable<F>, R>]: Infer<F[K]> } & {
      readonly [K in Exclude<Readable<F>, R>]?: Infer<F[K]>;
    }
  : S extends MapShape<infer V>
    ? Readonly<Record<string, Infer<V>>>
    : S extends ListShape<infer I>
      ? readonly Infer<I>[]
      : S extends TextShape
        ? string
        : S extends ChoiceShape<infer V>
          ? V
          : S extends IntegerShape | PercentShape | DurationShape
            ? number
            : S extends BooleanShape
              ? boolean
              : S extends PortOrNameShape
                ? number | string
                : S extends DeprecatedShape<infer D>
                  ? Infer<D>
                  : unknown;

type Readable<F> = { [K in keyof F]: F[K] extends RefusedShape ? never : K }[keyof F];

/** An object with exactly these fields. */
export function object<const F extends Fields, const R extends string = never>(
  fields: F,
  options: { required?: readonly R[]; exclusive?: readonly (readonly string[])[]; nonEmpty?: boolean } = {},
): ObjectShape<F, R> {
  const { required = [], exclusive = [], nonEmpty = false } = options;
  return { is: 'object', fields, required, exclusive, nonEmpty };
}

export function map<V extends Shape>(keys: MapShape['keys'], values: V): MapShape<V> {
  return { is: 'map', keys, values };
}

export function list<I extends Shape>(items: I): ListShape<I> {
  return { is: 'list', items, nonEmpty: false };
}

/** A list with at least one entry. */
export function someOf<I extends Shape>(items: I): ListShape<I> {
  return { is: 'list', items, nonEmpty: true };
}

/** A text that is not empty, and follows `rule`. */
export function text(rule?: TextRule): TextShape {
  return rule ? { is: 'text', rule, nonEmpty: true } : { is: 'text', nonEmpty: true };
}

export const anyText: TextShape = { is: 'text', nonEmpty: false };
export const bool: BooleanShape = { is: 'boolean' };
export const percent: PercentShape = { is: 'percent' };
export const anything: AnyShape = { is: 'any' };
export const portOrName: PortOrNameShape = { is: 'port-or-name' };
export const port: IntegerShape = { is: 'integer', min: 1, max: 65535 };
export const count: IntegerShape = { is: 'integer', min: 0, max: 2 ** 32 - 1 };

export function integer(min: number, max: number): IntegerShape {
  return { is: 'integer', min, max };
}

/** A duration from `min` to `max` milliseconds. */
export function duration(min: number, max = longestDuration): DurationShape {
  return { is: 'duration', min, max };
}

export function choice<const V extends string>(
  values: readonly V[],
  options: { refused?: Readonly<Record<string, Tier>>; deprecated?: Readonly<Record<string, NoInfer<V>>> } = {},
): ChoiceShape<V> {
  return { is: 'choice', values, refused: options.refused ?? {}, deprecated: options.deprecated ?? {} };
}

/** Valid in Istio, not here: WEFT0004. */
export function refused(tier: Tier, inside: Shape = anything): RefusedShape {
  return { is: 'refused', tier, inside };
}

/** Refused fields without a look inside. */
export function refusedFields<const N extends string>(
  tier: Tier,
  names: readonly N[],
): { readonly [K in N]: RefusedShape } {
  const entries = names.map((name) => [name, refused(tier)]);
  return Object.fromEntries(entries) as { readonly [K in N]: RefusedShape };
}

/** An object of the given names, each with anything inside: the inventory of a kind that is refused as a whole. */
export function names(...fields: readonly string[]): ObjectShape {
  return object(Object.fromEntries(fields.map((name) => [name, anything])));
}

export function deprecated<S extends Shape>(shape: S, write: string): DeprecatedShape<S> {
  return { is: 'deprecated', shape, write };
}

export const labels = map('label-key', text('label-value'));
