import type { Policy } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided, Provenance } from '../model/provenance.ts';

/** A block of a policy that acts, and what it prevailed over. */
export interface ActingBlock<T> {
  readonly value: T;
  readonly object: Policy;
  readonly path: string;
  readonly lost: readonly Provenance[];
}

/** A value that a block of a traffic policy decides, with all the blocks that lost against it (P24). */
export function decidedBy<T>(block: ActingBlock<unknown>, value: T, field?: string): Decided<T> {
  const by = provenance(block.object, field === undefined ? block.path : `${block.path}.${field}`);
  return block.lost.length === 0 ? { value, by } : { value, by, also: block.lost };
}
