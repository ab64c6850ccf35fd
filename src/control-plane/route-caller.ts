import { compareText } from '../model/compare-text.ts';
import { Failure } from '../model/failure.ts';
import type { Mesh } from '../model/mesh.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { RouteQuestion } from '../model/route-answer.ts';
import type { Workload } from '../model/workload.ts';
import type { RouteCaller } from './route-answer.ts';

/**
 * The workload that a question comes from: `reviews-2.shop`, `reviews-2` in the namespace, or a service, for which its first workload
 * stands; without one a caller of the namespace that has no labels. Throws Failure WEFT0920 for a name that nobody has.
 */
export function callerOf(mesh: Mesh, { from, namespace }: Pick<RouteQuestion, 'from' | 'namespace'>): RouteCaller {
  if (from === undefined) return { name: 'caller', namespace, labels: {} };
  const asked = from.replace(/^proxy\//, '');
  const all = [...mesh.workloads.values()].sort((a, b) => compareText(a.id, b.id));
  const called = (name: string) => all.find(({ id }) => id === name) ?? all.find((one) => serviceOf(one) === name);
  const found = called(asked) ?? called(`${asked}.${namespace}`);
  if (found !== undefined) return found;
  const names = all.flatMap((one) => [one.id, one.name, serviceOf(one)]);
  const meant = nearestName(asked, names);
  throw new Failure(
    'WEFT0920',
    `there is no workload "${asked}"`,
    meant === undefined ? 'weft get workloads lists them' : `did you mean "${meant}"?`,
  );
}

function serviceOf({ service, namespace }: Workload): string {
  return `${service}.${namespace}`;
}
