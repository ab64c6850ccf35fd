import type { Diagnostic } from '../../model/diagnostic.ts';
import { keepItems, sameItems } from '../../model/keep-items.ts';
import type { Policy } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import type { Steps } from '../../model/steps.ts';
import type { Workload } from '../../model/workload.ts';
import { createScope, type ReferenceScope, type ScopeTerms } from './reference-scope.ts';

type Kind = Policy['kind'];
type OfKind<K extends Kind> = Extract<Policy, { kind: K }>;

/** All that checks between objects may look at; what did not change is the same object as the time before. */
export interface ReferenceFacts {
  readonly byKind: ReadonlyMap<Kind, readonly Policy[]>;
  readonly services: readonly Service[] | undefined;
  readonly workloads: readonly Workload[] | undefined;
  readonly terms: ScopeTerms;
}

/** What a check was given, and what it found: about each object, where it looks at one at a time. */
export interface RowMemory {
  readonly inputs: readonly unknown[];
  readonly policies: readonly Policy[];
  readonly found: ReadonlyMap<Policy | undefined, readonly Diagnostic[]>;
  /** What each object was looked at beside, where that is not the same for all. */
  readonly rivals?: ReadonlyMap<Policy, readonly Policy[]>;
}

/** One check; it finds again what it found before where all that it looks at is the same. */
export type CheckRow = (facts: ReferenceFacts, before: RowMemory | undefined) => Steps<RowMemory>;

/** So many objects are looked at in one step. */
const objectsAStep = 64;
const nothing: readonly Diagnostic[] = [];

/**
 * A check that compares objects of these kinds with each other, of all kinds where none is named. It is shown no others, so that what it
 * finds depends on none.
 */
export function together(check: (scope: ReferenceScope) => void, ...kinds: readonly Kind[]): CheckRow {
  return function* (facts, before) {
    yield;
    const { inputs, policies } = inputsOf(facts, kinds.length === 0 ? [...facts.byKind.keys()] : kinds, before);
    if (before?.inputs === inputs) return before;
    const scope = createScope(policies, facts.services, facts.workloads, facts.terms);
    check(scope);
    return { inputs, policies, found: new Map([[undefined, scope.found]]) };
  };
}

/** A check of one object at a time beside objects of other kinds. It is shown no others, its own kind included. */
export function each<K extends Kind>(
  kind: K,
  check: (scope: ReferenceScope, object: OfKind<K>) => void,
  ...beside: readonly Kind[]
): CheckRow {
  return function* (facts, before) {
    const { inputs, policies } = inputsOf(facts, beside, before);
    const known = before?.inputs === inputs ? before.found : undefined;
    const scope = createScope(policies, facts.services, facts.workloads, facts.terms);
    const found = new Map<Policy, readonly Diagnostic[]>();
    let done = 0;
    for (const object of facts.byKind.get(kind) ?? []) {
      const again = known?.get(object);
      if (again === undefined && done++ % objectsAStep === 0) yield;
      found.set(object, again ?? about(scope, kind, check, object));
    }
    return { inputs, policies, found };
  };
}

/**
 * A check of one object at a time beside objects of other kinds and those of its own kind that may act instead of it. It is shown no
 * others.
 */
export function eachAmongRivals<K extends Kind>(
  kind: K,
  rivalsIn: (all: readonly OfKind<K>[], terms: ScopeTerms) => (object: OfKind<K>) => readonly OfKind<K>[],
  check: (scope: ReferenceScope, object: OfKind<K>, rivals: readonly OfKind<K>[]) => void,
  ...beside: readonly Kind[]
): CheckRow {
  return function* (facts, before) {
    const { inputs, policies } = inputsOf(facts, beside, before);
    const known = before?.inputs === inputs ? before : undefined;
    const scope = createScope(policies, facts.services, facts.workloads, facts.terms);
    const all = facts.byKind.get(kind) ?? [];
    if (!areOf(all, kind)) return { inputs, policies, found: new Map() };
    yield;
    const rivalsOf = rivalsIn(all, facts.terms);
    const found = new Map<Policy, readonly Diagnostic[]>();
    const rivals = new Map<Policy, readonly Policy[]>();
    let done = 0;
    for (const object of all) {
      const own = rivalsOf(object);
      const again = sameItems(known?.rivals?.get(object) ?? nobody, own) ? known?.found.get(object) : undefined;
      if (again === undefined && done++ % objectsAStep === 0) yield;
      found.set(object, again ?? about(scope, kind, (here, each) => check(here, each, own), object));
      if (own.length > 0) rivals.set(object, own);
    }
    return { inputs, policies, found, rivals };
  };
}

const nobody: readonly Policy[] = [];

function about<K extends Kind>(
  scope: ReferenceScope,
  kind: K,
  check: (scope: ReferenceScope, object: OfKind<K>) => void,
  object: Policy,
): readonly Diagnostic[] {
  if (!isOf(object, kind)) return nothing;
  const found: Diagnostic[] = [];
  check({ ...scope, found }, object);
  return found.length === 0 ? nothing : found;
}

function areOf<K extends Kind>(objects: readonly Policy[], kind: K): objects is readonly OfKind<K>[] {
  return objects.every((object) => isOf(object, kind));
}

function isOf<K extends Kind>(object: Policy, kind: K): object is OfKind<K> {
  return object.kind === kind;
}

function inputsOf(
  { byKind, services, workloads, terms }: ReferenceFacts,
  kinds: readonly Kind[],
  before: RowMemory | undefined,
): Pick<RowMemory, 'inputs' | 'policies'> {
  const lists = kinds.map((kind) => byKind.get(kind));
  const inputs = [...lists, services, workloads, terms];
  if (before && sameItems(before.inputs, inputs)) return before;
  const policies = keepItems(
    before?.policies,
    lists.flatMap((list) => list ?? []),
  );
  return { inputs, policies };
}
