import type { Labels } from './policy.ts';

/** Section 1.5: all labels of the selector are equal on the workload. No selector, or an empty one, selects everything. */
export function selects(selector: Labels | undefined, labels: Labels): boolean {
  return Object.entries(selector ?? {}).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}
