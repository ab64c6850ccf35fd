/** An object of the policy tree. `ref` forms: `VirtualService/shop/reviews`. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A span of a policy file. Lines and columns count from 1; the end is exclusive in columns. */
export interface SourceRange {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** The place of a field. */
export interface FieldRange extends SourceRange {
  /** The field as the text has it, where that is another: `spec.http[0].mirror` for `spec.http[0].mirrors[0]`. */
  readonly writtenAs?: string;
}

/** Where a decided value comes from: an object, a field of it, and the line (section 1.3 of policy-surface.md). */
export interface Provenance {
  readonly object: ObjectRef;
  /** The field path, `spec.http[0].timeout`. */
  readonly field: string;
  readonly at: SourceRange;
  /** Short commit id, `4f1c2ab`, or `4f1c2ab+edits` for uncommitted text. */
  readonly commit: string;
}

/** A default of section 4 of policy-surface.md (`D5`), or of transparency.md (`R17`), or of envoy-facts.md (`E36`). */
export interface DefaultOrigin {
  readonly default: string;
}

export type DecidedBy = Provenance | DefaultOrigin;

/** A value together with who decided it; `also` lists objects that merged into it or lost. */
export interface Decided<T> {
  readonly value: T;
  readonly by: DecidedBy;
  readonly also?: readonly Provenance[];
}

/** `VirtualService/shop/reviews` */
export function refText(object: ObjectRef): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}

/** `policies/reviews.yaml:12` for a line of YAML, `default:D5` for a default. */
export function decidedByText(by: DecidedBy): string {
  return 'default' in by ? `default:${by.default}` : `${by.at.file}:${by.at.line}`;
}

/** A value decided by a numbered default of the specification. */
export function byDefault<T>(value: T, id: string): Decided<T> {
  return { value, by: { default: id } };
}

/** Whether a policy decided it. */
export function isWritten({ by }: Pick<Decided<unknown>, 'by'>): boolean {
  return !('default' in by);
}
