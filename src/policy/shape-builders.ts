import type { DefaultId } from './default-texts.ts';
import { longestDuration } from './duration.ts';
import type {
  AnyShape,
  BooleanShape,
  BytesShape,
  ChoiceShape,
  DeprecatedShape,
  DurationShape,
  Fields,
  IntegerShape,
  ListShape,
  MapShape,
  NumberShape,
  ObjectShape,
  PercentShape,
  PortOrNameShape,
  RefusedShape,
  Row,
  Shape,
  TextRule,
  TextShape,
  Tier,
} from './shape.ts';

/** The rules between the fields of an object; all of them may be left out. */
export interface ObjectOptions<R extends string> {
  readonly required?: readonly R[];
  readonly exclusive?: ObjectShape['exclusive'];
  readonly oneOf?: ObjectShape['oneOf'];
  readonly atLeastOne?: ObjectShape['atLeastOne'];
  readonly requires?: ObjectShape['requires'];
  readonly nonEmpty?: boolean;
}

/** An object with exactly these fields. */
export function object<const F extends Fields, const R extends string = never>(
  fields: F,
  options: ObjectOptions<R> = {},
): ObjectShape<F, R> {
  const { required = [], exclusive = [], oneOf = [], atLeastOne = [], requires = {}, nonEmpty = false } = options;
  return { is: 'object', fields, required, exclusive, oneOf, atLeastOne, requires, nonEmpty };
}

export interface Limits {
  readonly min?: number;
  readonly max?: number;
}

export function map<V extends Shape>(keys: MapShape['keys'], values: V, limits: Limits = {}): MapShape<V> {
  const { min = 0, max = Number.POSITIVE_INFINITY } = limits;
  return { is: 'map', keys, values, min, max };
}

/** `unique`: no entry twice, by the whole entry or by one of its fields. */
export function list<I extends Shape>(
  items: I,
  options: Limits & { readonly unique?: boolean | string } = {},
): ListShape<I> {
  const { min = 0, max = Number.POSITIVE_INFINITY, unique = false } = options;
  return { is: 'list', items, min, max, unique };
}

/** A list with at least one entry. */
export function someOf<I extends Shape>(
  items: I,
  options: { readonly max?: number; readonly unique?: boolean | string } = {},
): ListShape<I> {
  return list(items, { min: 1, ...options });
}

/** A text that is not empty (but see `allowEmpty`), and follows `rule`. */
export function text(
  rule?: TextRule,
  options: { readonly maxLength?: number; readonly allowEmpty?: boolean } = {},
): TextShape {
  const { maxLength, allowEmpty = false } = options;
  return { is: 'text', nonEmpty: !allowEmpty, ...(rule && { rule }), ...(maxLength !== undefined && { maxLength }) };
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

/** A number that may have a fraction; with `above`, `min` itself is too little. */
export function number(min: number, max: number, options: { readonly above?: boolean } = {}): NumberShape {
  return { is: 'number', min, max, above: options.above ?? false };
}

/** At most `maxLength` bytes, written in base64. */
export function bytes(maxLength: number): BytesShape {
  return { is: 'bytes', maxLength };
}

/** A duration from `min` to `max` milliseconds, in multiples of `step`. */
export function duration(min: number, max = longestDuration, step = 1): DurationShape {
  return { is: 'duration', min, max, step };
}

export function choice<const V extends string>(
  values: readonly V[],
  options: {
    readonly refused?: Readonly<Record<string, Tier>>;
    readonly hints?: Readonly<Record<string, string>>;
    readonly conditions?: readonly string[];
    readonly deprecated?: Readonly<Record<string, NoInfer<V>>>;
  } = {},
): ChoiceShape<V> {
  return { is: 'choice', values, refused: {}, hints: {}, conditions: [], deprecated: {}, ...options };
}

/** Valid in Istio, not here: WEFT0004. What is written inside is checked all the same. */
export function refused(
  tier: Tier,
  inside: Shape = anything,
  options: { readonly hint?: string; readonly isCondition?: boolean } = {},
): RefusedShape {
  return { is: 'refused', tier, inside, isCondition: false, ...options };
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

export function deprecated<S extends Shape>(shape: S, write: string, also = ''): DeprecatedShape<S> {
  return { is: 'deprecated', shape, write, also };
}

/** A field that is a line of section 3: its tier, what it becomes and the number of its default. The checked type stays. */
export function row<S extends Shape>(shape: S, tier: Row['tier'], concept: string, byDefault?: DefaultId): S {
  return { ...shape, row: { tier, concept, ...(byDefault !== undefined && { default: byDefault }) } };
}

export const labels = map('label-key', text('label-value'));
