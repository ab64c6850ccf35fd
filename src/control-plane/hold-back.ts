import type { Diagnostic } from '../model/diagnostic.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Policy } from '../model/policy.ts';
import type { HeldNamespace } from '../model/status.ts';
import type { Steps } from '../model/steps.ts';
import { byName } from '../policy/parse-policies.ts';

/** What a namespace last said without error, and the newest commit that says it. */
export interface GoodNamespace {
  readonly commit: string;
  readonly objects: readonly Policy[];
}

export type GoodNamespaces = ReadonlyMap<string, GoodNamespace>;

/** What is served of a commit with errors. */
export interface HeldBack {
  readonly objects: readonly Policy[];
  readonly held: readonly HeldNamespace[];
  /** What holds namespaces back that have no error in the commit itself. */
  readonly findings: readonly Diagnostic[];
}

/**
 * Isolation by namespace: the last good objects of the namespaces with an error, beside the new ones of all others, so that references
 * between them are good, too. A namespace that refers to what another one, held back, does not have is held back with it; so is one
 * whose change takes away what others use. Undefined where nothing of the commit can be served: an error that is in no namespace or in
 * the root namespace, or no change that stands without the ones that are held back.
 */
export function* holdBack(of: {
  readonly objects: readonly Policy[];
  /** Of the namespaces with errors; undefined: some error is in none. */
  readonly wrong: readonly (string | undefined)[];
  readonly good: GoodNamespaces;
  readonly rootNamespace: string;
  /** The commit is what is served already, so that it need bring nothing new. */
  readonly isServed: boolean;
  /** The errors between objects. */
  readonly judge: (objects: readonly Policy[]) => Steps<readonly Diagnostic[]>;
}): Steps<HeldBack | undefined> {
  const { good, rootNamespace, judge } = of;
  const given = byNamespace(of.objects);
  const old = (namespace: string) => good.get(namespace)?.objects ?? [];
  const names = new Set([...given.keys(), ...good.keys()]);
  const changed = [...names].filter((name) => !sameItems(given.get(name) ?? [], old(name)));
  const held = new Set<string>();
  const findings: Diagnostic[] = [];
  const compose = (without: ReadonlySet<string>) =>
    [...names].flatMap((name) => (without.has(name) ? old(name) : (given.get(name) ?? []))).sort(byName);
  let next = of.wrong;
  for (;;) {
    for (const namespace of next) {
      if (namespace === undefined || namespace === rootNamespace) return undefined;
      held.add(namespace);
    }
    const free = changed.filter((name) => !held.has(name));
    if (free.length === 0 && !of.isServed) return undefined;
    const objects = compose(held);
    const errors = yield* judge(objects);
    if (errors.length === 0) {
      const list = [...held].sort().map((namespace) => {
        const commit = good.get(namespace)?.commit;
        return commit === undefined ? { namespace } : { namespace, commit };
      });
      return { objects, held: list, findings };
    }
    findings.push(...errors.map((error) => ({ ...error, hint: `${error.hint}; ${beside(held, good)}` })));
    const own = errors
      .map(({ object }) => object?.namespace)
      .filter((name) => name === undefined || free.includes(name));
    if (free.length === 0) return undefined;
    next = own.length > 0 ? own : yield* culprits(free, held, compose, judge);
  }
}

/** Whose change breaks the objects of others: the one without whose change nothing is broken, else all that changed. */
function* culprits(
  free: readonly string[],
  held: ReadonlySet<string>,
  compose: (without: ReadonlySet<string>) => readonly Policy[],
  judge: (objects: readonly Policy[]) => Steps<readonly Diagnostic[]>,
): Steps<readonly string[]> {
  for (const one of free) {
    const errors = yield* judge(compose(new Set([...held, one])));
    if (errors.length === 0) return [one];
  }
  return free;
}

function beside(held: ReadonlySet<string>, good: GoodNamespaces): string {
  const names = [...held].sort().map((name) => `${name} (${good.get(name)?.commit ?? 'nothing of it'})`);
  return `it is checked against what is served, and held back: ${names.join(', ')}`;
}

/** Objects in the order of their lists. */
export function byNamespace(objects: readonly Policy[]): ReadonlyMap<string, readonly Policy[]> {
  const groups = new Map<string, Policy[]>();
  for (const object of objects) {
    const group = groups.get(object.namespace);
    if (group) group.push(object);
    else groups.set(object.namespace, [object]);
  }
  return groups;
}
