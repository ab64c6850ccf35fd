import type { Plan } from '../../src/xds/plan.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType } from '../../src/xds/resource-types.ts';

/** What the model client makes of a response. */
export interface Reaction {
  readonly error: string | undefined;
  readonly applied: readonly Resource[];
  readonly removed: readonly string[];
  /** Whether a whole set counts: what it does not name is gone. */
  readonly setApplied: boolean;
}

/** Contents of the model mesh: `mark` 3 is content that every client refuses. */
export const badMark = 3;

export function modelResource(typeUrl: string, name: string, mark: number, clusters: readonly string[] = []): Resource {
  const value = Buffer.from(JSON.stringify([name, mark, clusters]));
  const references = clusters.map((to) => ({ typeUrl: clusterType, name: to }));
  return createResource({ typeUrl, name, value, references, ...(typeUrl === clusterType ? { edsName: name } : {}) });
}

/** Whether a client refuses it. */
export function isBad(resource: Resource): boolean {
  // An empty assignment, which stands for endpoints that do not exist (X90), is no JSON.
  if (resource.value[0] !== '['.charCodeAt(0)) return false;
  return JSON.parse(Buffer.from(resource.value).toString())[1] === badMark;
}

/**
 * Reacts as Envoy does (E15): clusters and listeners are refused by name with the rest applied, or by a dump of the
 * first with nothing applied; the others by a bare reason, with some applied. `whim` chooses.
 */
export function react(plan: Plan, whim: number): Reaction {
  const { resources, removed, typeUrl } = plan;
  const bad = resources.filter(isBad);
  const [first] = bad;
  if (first === undefined) return { error: undefined, applied: resources, removed, setApplied: true };
  const good = resources.filter((resource) => !isBad(resource));
  const whole = typeUrl === clusterType || typeUrl === listenerType;
  if (whim % 2 === 0) {
    const dump = `goo.gle/debugonly  \n${typeUrl === endpointType ? 'cluster_' : ''}name: "${first.name}"\n: Proto constraint`;
    return { error: dump, applied: [], removed: [], setApplied: false };
  }
  if (!whole) {
    const some = good.filter((_, index) => (whim >> index) % 2 === 1);
    return { error: 'missing ): (', applied: some, removed: [], setApplied: false };
  }
  const listed =
    typeUrl === clusterType
      ? `cluster(s) ${bad.map(({ name }) => `${name}: REASON`).join(', ')}`
      : `listener(s) ${bad.map(({ name }) => `${name}: REASON\n`).join('')}`;
  return { error: `goo.gle/debugstr Error adding/updating ${listed}`, applied: good, removed, setApplied: true };
}

export const modelTypes = [clusterType, endpointType, listenerType, routeType] as const;
