import type { RespondAction } from '../model/ir-route.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { DirectResponse } from '../model/virtual-service.ts';

/** An answer without a destination (section 3.1). `field` is `spec.http[0].directResponse`. */
export function respondAction(object: VirtualServiceObject, field: string, response: DirectResponse): RespondAction {
  return { kind: 'respond', respond: { value: response, by: provenance(object, field) } };
}
