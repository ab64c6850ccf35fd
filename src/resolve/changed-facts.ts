import type { ServiceKey } from '../model/service.ts';
import { withEntries } from '../model/sorted-map.ts';
import type { EndpointFacts } from './endpoint-facts.ts';

export type Facts = ReadonlyMap<ServiceKey, EndpointFacts>;

const latest = new WeakMap<Facts, { readonly changed: Facts; readonly all: Facts }>();

/** The facts with these in the place of others; the same map as the last time for the same ones. */
export function changedFacts(facts: Facts, changed: Facts): Facts {
  if (changed.size === 0) return facts;
  const before = latest.get(facts);
  if (before?.changed.size === changed.size && [...changed].every(([key, one]) => before.changed.get(key) === one)) {
    return before.all;
  }
  const all = withEntries(facts, changed);
  latest.set(facts, { changed, all });
  return all;
}
