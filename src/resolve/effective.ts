import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import type { Effective } from './destination-rule.ts';

/** A value that a block of a traffic policy decides, with all the blocks that lost against it (P24). */
export function decidedBy<T>(block: Effective<unknown>, value: T, field?: string): Decided<T> {
  const by = provenance(block.object, field === undefined ? block.path : `${block.path}.${field}`);
  return block.lost.length === 0 ? { value, by } : { value, by, also: block.lost };
}
