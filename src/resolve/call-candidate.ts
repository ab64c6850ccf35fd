import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { DecidedBy } from '../model/provenance.ts';
import { fieldPath } from '../policy/field-path.ts';
import type { Mismatch } from './mismatch.ts';

/** A rule, or one way to match it, that was asked whether it takes a call. */
export interface CallCandidate {
  /** `VirtualService/shop/reviews[canary]`, or `default/shop/reviews`. */
  readonly name: string;
  /** The match, or the rule if it has none. */
  readonly by: DecidedBy;
  /**
   * `differs`: a condition does not hold. `behind`: one before takes the call, or every call; this one was not asked. `closer`: another
   * names the server more closely. `unneeded`: a default, since rules are left (P10).
   */
  readonly verdict: 'chosen' | 'differs' | 'behind' | 'closer';
  /** Of `differs`. */
  readonly mismatch?: Mismatch & { readonly by: DecidedBy };
  /** Of `behind` and `closer`: the name of the other. */
  readonly other?: string;
}

/** A candidate whose condition does not hold, with the line of the condition below `path`. */
export function differing(object: VirtualServiceObject, path: string, name: string, mismatch: Mismatch): CallCandidate {
  const field = mismatch.field.reduce(fieldPath, path);
  return {
    name,
    by: provenance(object, path),
    verdict: 'differs',
    mismatch: { ...mismatch, by: provenance(object, field) },
  };
}

/** The key of a map as it is written, of which only the lower-case form is known. */
export function writtenKey(map: Readonly<Record<string, unknown>>, lower: string): string {
  return Object.keys(map).find((key) => key.toLowerCase() === lower) ?? lower;
}
