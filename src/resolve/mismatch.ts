/** The first condition of a match that does not hold. */
export interface Mismatch {
  /** Where it stands below the match: `uri`; `headers`, `x-user`. */
  readonly field: readonly string[];
  /** What the condition asks for, after the field's name: `begins with "/admin"`. */
  readonly wanted: string;
  /** What is there instead; undefined: nothing of that name. */
  readonly got: string | undefined;
}
