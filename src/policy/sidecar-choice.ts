import type { Labels, SidecarObject } from '../model/policy.ts';
import { selects } from '../model/selector.ts';

/**
 * P7: the Sidecar of a client: of its own namespace the one whose selector has its labels, else the one without selector; else the root
 * namespace's without selector. Of several of one kind, which WEFT0183 tells, the first holds. Lists are sorted by name.
 */
export function chooseSidecar(
  own: readonly SidecarObject[],
  root: readonly SidecarObject[],
  labels: Labels,
): SidecarObject | undefined {
  return (
    own.find(({ spec }) => spec.workloadSelector !== undefined && selects(spec.workloadSelector, labels)) ??
    own.find(withoutSelector) ??
    root.find(withoutSelector)
  );
}

function withoutSelector({ spec }: SidecarObject): boolean {
  return spec.workloadSelector === undefined;
}
