import type { Policy, PolicySet } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import { type FieldContext, type FieldPlace, fieldPlace } from '../model/provenance-fields.ts';
import type { Readable } from '../model/readable.ts';
import type { PolicyState } from './policy-source.ts';

/** So many revisions are kept though no proxy holds them any more: what changed lately is asked for most. */
const lately = 16;

/** A line of the revision that a proxy holds. */
export interface RevisionPlace extends FieldPlace {
  readonly ref: string;
  /** The commit that brought the object as it was then. */
  readonly commit: string;
  /** What became of the object since: it says the same, says something else, or is gone. */
  readonly now: 'same' | 'changed' | 'removed';
}

/**
 * For each revision that some proxy still holds, what its policies said and where (section 4.2 of experience.md). Objects of unchanged
 * text are shared between revisions, so each costs no more than what it changed.
 */
export interface RevisionTable {
  /** The policies of a commit; undefined for one that is not kept. */
  of(commit: string): PolicySet | undefined;
  /** Where a field stands that an object decided at that commit; of one that is not kept, as it stands now. */
  place(commit: string, ref: string, field: string, context: FieldContext): RevisionPlace | undefined;
  /** What the object said before it came to say what it says. */
  before(object: Policy): Policy | undefined;
  stop(): void;
}

/** Follows what is served; `held` names the commits of proxies, those that they acknowledged and those that they are sent. */
export function createRevisionTable(policies: Readable<PolicyState>, held: () => Iterable<string>): RevisionTable {
  /** In the order in which they were served last. */
  const revisions = new Map<string, PolicySet>();

  const follow = ({ served, history }: PolicyState): void => {
    if (served === undefined || revisions.get(served.policies.commit) === served.policies) return;
    const { commit } = served.policies;
    // Edits that are not committed share the id of their commit: the last ones hold.
    revisions.delete(commit);
    revisions.set(commit, served.policies);
    const known = new Set(history.map((revision) => revision.commit));
    const newest = [...revisions.keys()].slice(-lately).filter((each) => each === commit || known.has(each));
    const kept = new Set([...newest, ...held()]);
    for (const each of revisions.keys()) if (!kept.has(each)) revisions.delete(each);
  };
  follow(policies.get());
  const stop = policies.watch(follow);

  const current = () => policies.get().served?.policies;
  return {
    of: (commit) => revisions.get(commit),
    place(commit, ref, field, context) {
      const now = current();
      const object = objectOf(revisions.get(commit) ?? now, ref) ?? objectOf(now, ref);
      if (object === undefined) return undefined;
      const today = objectOf(now, ref);
      const same = today === object || (today !== undefined && sameSpec(today, object));
      return {
        ref,
        commit: object.commit,
        ...fieldPlace(object, field, context),
        now: today === undefined ? 'removed' : same ? 'same' : 'changed',
      };
    },
    before(object) {
      const ref = refText(object);
      return [...revisions.values()]
        .reverse()
        .map((policySet) => objectOf(policySet, ref))
        .find((other) => other !== undefined && other !== object && !sameSpec(other, object));
    },
    stop,
  };
}

const byRef = new WeakMap<PolicySet, ReadonlyMap<string, Policy>>();

/** The object of a reference, `VirtualService/shop/reviews`. */
export function objectOf(policies: PolicySet | undefined, ref: string): Policy | undefined {
  if (policies === undefined) return undefined;
  const known = byRef.get(policies) ?? new Map(policies.objects.map((object) => [refText(object), object]));
  byRef.set(policies, known);
  return known.get(ref);
}

function sameSpec(left: Policy, right: Policy): boolean {
  return JSON.stringify(left.spec) === JSON.stringify(right.spec);
}
