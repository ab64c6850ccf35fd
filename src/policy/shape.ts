/**
 * What may be written where, as plain data (section 1.2 of policy-surface.md). One list per kind lives in `kinds/`; the parser, the
 * did-you-mean, the editor schema, the support page and the tests are made from it. Every field is supported, refused by name or
 * unknown. The functions that make shapes stand in `shape-builders.ts`.
 */

import type { DefaultId } from './default-texts.ts';

/** When a field is due (policy-surface.md); `never`: it stays refused. */
export type Tier = 'T0' | 'T1' | 'T2' | 'never';

/** Named rules for a text beyond "not empty"; each has its check and its examples in `rules/`. */
export type TextRule =
  | 'label'
  | 'any-case-label'
  | 'port-key'
  | 'label-key'
  | 'label-value'
  | 'name'
  | 'header-name'
  | 'query-name'
  | 'condition-name'
  | 'header-value'
  | 'plain-header-name'
  | 'probe-header-name'
  | 'http-url'
  | 'host'
  | 'host-name'
  | 'import-host'
  | 'export-to'
  | 'api-group'
  | 'api-kind'
  | 'sha256'
  | 'ip-or-cidr'
  | 'region'
  | 'locality-pattern'
  | 'regex'
  | 'regex-or-star'
  | 'port-text'
  | 'no-star'
  | 'trust-domain-pattern'
  /** Control characters and line breaks too. */
  | 'free';

/** A line of section 3 of policy-surface.md: it stands on the outermost field that the line names, and covers what is inside. */
export interface Row {
  readonly tier: Exclude<Tier, 'never'>;
  /** What it becomes, in a few words: the text of the editor and of the support page. */
  readonly concept: string;
  /** The number of the default that holds where the field is absent. */
  readonly default?: DefaultId;
}

interface Described {
  readonly row?: Row;
}

export interface ObjectShape<F extends Fields = Fields, R extends string = string> extends Described {
  readonly is: 'object';
  readonly fields: F;
  readonly required: readonly R[];
  /** Groups of fields of which at most one may be written (WEFT0137). */
  readonly exclusive: readonly (readonly string[])[];
  /** Groups of fields of which exactly one must be written (WEFT0137, WEFT0002). */
  readonly oneOf: readonly (readonly string[])[];
  /** Groups of fields of which at least one must be written. */
  readonly atLeastOne: readonly (readonly string[])[];
  /** What must be written beside a field, by the field. */
  readonly requires: Readonly<Record<string, readonly string[]>>;
  /** At least one field must be written (P40). */
  readonly nonEmpty: boolean;
}
export interface MapShape<V extends Shape = Shape> extends Described {
  readonly is: 'map';
  readonly keys: TextRule | 'port' | 'any';
  readonly values: V;
  readonly min: number;
  readonly max: number;
}
export interface ListShape<I extends Shape = Shape> extends Described {
  readonly is: 'list';
  readonly items: I;
  readonly min: number;
  readonly max: number;
  /** No entry twice: by the whole entry, or by the field of that path (`port.number`). */
  readonly unique: boolean | string;
}
export interface TextShape extends Described {
  readonly is: 'text';
  readonly rule?: TextRule;
  readonly nonEmpty: boolean;
  /** Characters, as Unicode counts them. */
  readonly maxLength?: number;
}
/** One of some words. Refused words are valid in Istio; deprecated ones are read as another word. */
export interface ChoiceShape<V extends string = string> extends Described {
  readonly is: 'choice';
  readonly values: readonly V[];
  readonly refused: Readonly<Record<string, Tier>>;
  /** What is safe instead of refused words, where it is not to remove the field. */
  readonly hints: Readonly<Record<string, string>>;
  /** Refused words that no annotation allows: served without the word, the object would be something else. */
  readonly conditions: readonly string[];
  readonly deprecated: Readonly<Record<string, V>>;
}
export interface IntegerShape extends Described {
  readonly is: 'integer';
  readonly min: number;
  readonly max: number;
}
/** With or without a fraction. */
export interface NumberShape extends Described {
  readonly is: 'number';
  readonly min: number;
  readonly max: number;
  /** `min` itself is too little. */
  readonly above: boolean;
}
/** Base64, standard and padded, as the API server of Kubernetes wants it. */
export interface BytesShape extends Described {
  readonly is: 'bytes';
  /** Of the bytes, not of their text. */
  readonly maxLength: number;
}
export interface PercentShape extends Described {
  readonly is: 'percent';
}
export interface BooleanShape extends Described {
  readonly is: 'boolean';
}
/** Becomes milliseconds. */
export interface DurationShape extends Described {
  readonly is: 'duration';
  readonly min: number;
  readonly max: number;
  /** Only multiples of so many milliseconds. */
  readonly step: number;
}
/** The number of a port or its name (`targetPort`); 0 and the empty text are none, as in Kubernetes. */
export interface PortOrNameShape extends Described {
  readonly is: 'port-or-name';
}
export interface RefusedShape extends Described {
  readonly is: 'refused';
  readonly tier: Tier;
  /** What may stand inside: it is checked, too, as Istio would. */
  readonly inside: Shape;
  /** What is safe to do where it is not to remove the field alone, which would let more in or send traffic elsewhere. */
  readonly hint?: string;
  /** It says when a rule acts, or what it does: no annotation allows it, for served without it the rule would act on more, or do nothing. */
  readonly isCondition: boolean;
}
export interface DeprecatedShape<S extends Shape = Shape> extends Described {
  readonly is: 'deprecated';
  readonly shape: S;
  /** The field to write instead. */
  readonly write: string;
  /** What else is to be written for the same effect. */
  readonly also: string;
}
/** Read by nobody here: inside refused fields only. */
export interface AnyShape extends Described {
  readonly is: 'any';
}

export type Shape =
  | ObjectShape
  | MapShape
  | ListShape
  | TextShape
  | ChoiceShape
  | IntegerShape
  | NumberShape
  | BytesShape
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
          : S extends IntegerShape | NumberShape | PercentShape | DurationShape
            ? number
            : S extends BytesShape
              ? Uint8Array
              : S extends BooleanShape
                ? boolean
                : S extends PortOrNameShape
                  ? number | string
                  : S extends DeprecatedShape<infer D>
                    ? Infer<D>
                    : unknown;

type Readable<F> = { [K in keyof F]: F[K] extends RefusedShape ? never : K }[keyof F];
