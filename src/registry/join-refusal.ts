/** Why a sidecar may not join: words for its log, its operator and the audit (WEFT0203). */
export interface JoinRefusal {
  readonly code: 'WEFT0203';
  readonly message: string;
  readonly hint: string;
}

/** Thrown inside the registry where a claim is read, and turned into a value at its edge. */
export class Refused extends Error {
  readonly refusal: JoinRefusal;

  constructor(message: string, hint: string) {
    super(message);
    this.name = 'Refused';
    this.refusal = { code: 'WEFT0203', message, hint };
  }
}

/** A value in a message, quoted and cut: what a stranger sent is never printed whole. */
export function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
