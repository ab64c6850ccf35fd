import type { Diagnostic } from '../model/diagnostic.ts';
import { sameItems } from '../model/keep-items.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import type { HeldNamespace } from '../model/status.ts';
import type { Steps } from '../model/steps.ts';
import { byName } from '../policy/parse-policies.ts';
import { smallestSubset } from './smallest-subset.ts';

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
  /** What is wrong, with what it holds back where that is not where it stands. */
  readonly findings: readonly Diagnostic[];
}

/**
 * Isolation by namespace: the last good objects of the namespaces that are held back, beside the new ones of all others, so that
 * references between them are good, too. A namespace with an error in its own text is held back. Of an error between objects the one is
 * whose change makes it, wherever the error stands: who intrudes or takes away, not who stood there; and who refers to what a held one
 * does not have. Undefined where nothing of the commit can be served: an error in the text of no namespace or of the root namespace, one
 * that the root namespace's change makes, or no change that stands without the ones that are held back.
 */
export function* holdBack(of: {
  readonly objects: readonly Policy[];
  /** All that was found in the commit as it is. */
  readonly found: readonly Diagnostic[];
  /** The namespaces with errors in their text; undefined: some error is in none. */
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
  const compose = (without: ReadonlySet<string>) =>
    [...names].flatMap((name) => (without.has(name) ? old(name) : (given.get(name) ?? []))).sort(byName);
  const held = new Set<string>();
  let findings = of.found;
  let next: readonly (string | undefined)[] = of.wrong;
  for (;;) {
    for (const namespace of next) {
      if (namespace === undefined || namespace === rootNamespace) return undefined;
      held.add(namespace);
    }
    const free = changed.filter((name) => !held.has(name));
    if (free.length === 0 && !of.isServed) return undefined;
    const objects = compose(held);
    const errors = yield* judge(objects);
    const [error] = errors;
    if (error === undefined) {
      const list = [...held].sort().map((namespace) => {
        const commit = good.get(namespace)?.commit;
        return commit === undefined ? { namespace } : { namespace, commit };
      });
      return { objects, held: list, findings };
    }
    findings = withErrors(findings, errors, `; ${beside(held, good)}`);
    const whose = yield* culprits(error, free, held, (without) => judge(compose(without)));
    if (whose.length === 0) return undefined;
    findings = withCulprits(findings, error, whose);
    next = whose;
  }
}

/**
 * Whose changes make an error: the smallest set of namespaces without whose changes it is not there; of several such sets the one with
 * the namespace in which it stands. None: it is there whatever changed.
 */
function* culprits(
  error: Diagnostic,
  free: readonly string[],
  held: ReadonlySet<string>,
  judge: (without: ReadonlySet<string>) => Steps<readonly Diagnostic[]>,
): Steps<readonly string[]> {
  const key = keyOf(error);
  const isGone = function* (without: readonly string[]): Steps<boolean> {
    const errors = yield* judge(new Set([...held, ...without]));
    return errors.every((each) => keyOf(each) !== key);
  };
  const where = error.object?.namespace;
  const own = free.filter((name) => name === where);
  const others = free.filter((name) => name !== where).sort();
  return (yield* smallestSubset([...own, ...others], isGone)) ?? [];
}

/** The same error of the same object, whatever the lines. */
function keyOf({ code, object, field, at }: Diagnostic): string {
  return `${code} ${object === undefined ? at.file : refText(object)} ${field ?? ''}`;
}

/** With errors that were not there before something was held back. */
function withErrors(
  findings: readonly Diagnostic[],
  errors: readonly Diagnostic[],
  note: string,
): readonly Diagnostic[] {
  const told = new Set(findings.filter(({ severity }) => severity === 'error').map(keyOf));
  const more = errors.filter((error) => !told.has(keyOf(error)));
  return [...findings, ...more.map((error) => ({ ...error, hint: `${error.hint}${note}` }))];
}

/** Who reads the error where it stands is told whom it holds back, where that is somebody else. */
function withCulprits(
  findings: readonly Diagnostic[],
  error: Diagnostic,
  names: readonly string[],
): readonly Diagnostic[] {
  if (names.every((name) => name === error.object?.namespace)) return findings;
  const key = keyOf(error);
  const note = `; held back for it: ${[...names].sort().join(', ')}, whose change it is`;
  return findings.map((finding) => (keyOf(finding) === key ? { ...finding, hint: `${finding.hint}${note}` } : finding));
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
