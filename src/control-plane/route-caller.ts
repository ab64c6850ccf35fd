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
  const names = all.flatMap((one) => [one.id, serviceOf(one)]);
  const found = called(asked) ?? called(wholeName(asked, namespace, names));
  if (found !== undefined) return found;
  const short = nearestName(asked, names.map(firstOf));
  const meant = nearestName(asked, names) ?? names.find((name) => firstOf(name) === short);
  throw new Failure(
    'WEFT0920',
    `there is no workload "${asked}"`,
    meant === undefined ? 'weft get workloads lists them' : `did you mean "${meant}"?`,
  );
}

/**
 * `frontend-1` with its namespace: the one that was named, or, where nobody named one and the default has no such workload, the only one
 * that has: a name is then enough to be understood.
 */
export function wholeName(asked: string, namespace: string, names: Iterable<string>): string {
  const whole = `${asked}.${namespace}`;
  const fitting = new Set([...names].filter((name) => firstOf(name) === asked));
  const [only, another] = fitting;
  const isClear = namespace === unnamed && only !== undefined && another === undefined && !asked.includes('.');
  return isClear ? only : whole;
}

/** The namespace of who names none. */
const unnamed = 'default';

function firstOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function serviceOf({ service, namespace }: Workload): string {
  return `${service}.${namespace}`;
}
