import type { MeshSettings } from '../model/mesh.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import { refOf } from '../model/policy-provenance.ts';
import { type ObjectRef, refText } from '../model/provenance.ts';
import type { Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import {
  actingAt,
  type CalledPlace,
  doorAt,
  isKnownAmong,
  knownPlaces,
  type PolicySide,
  portsAt,
  possiblePlaces,
  sideOf,
} from './called-places.ts';
import type { Callers } from './dimension-values.ts';
import { foreignRoutes } from './foreign-routes.ts';
import { type Door, type LetInAnew, letInAnew, reasonOf } from './let-in-anew.ts';
import { policyChange } from './policy-change.ts';
import type { FoundCall } from './satisfying-calls.ts';

/** Somebody who may call where nobody might before, and what of the change makes it so. */
export interface Opening {
  /** `reviews.shop` */
  readonly destination: string;
  readonly namespace: string;
  /** Undefined: more would have to be tried than is allowed. */
  readonly call: FoundCall | undefined;
  /** Whether it is about requests; else about connections whose bytes nobody reads. */
  readonly http: boolean;
  /** Calls are led elsewhere, by a route of another namespace; absent: who is called lets them in. */
  readonly isRoute?: true;
  readonly by: OpenedBy;
}

/** A field of an object that is there now, or an object that is gone. */
export type OpenedBy =
  | { readonly kind: 'field'; readonly object: Policy; readonly field: string }
  | { readonly kind: 'gone'; readonly object: Policy };

/** How often places were compared, for tests of what a change costs. */
export const wideningCounters = { places: 0, compared: 0 };

/** So many examples of one reason in a namespace are enough. */
const mostExamples = 3;
const security: readonly Policy['kind'][] = [
  'PeerAuthentication',
  'MeshConfig',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'Service',
  'ServiceEntry',
];

/**
 * T14: who may call whom by which method under `after` and not under `before`. `workloads` are those with a sidecar that are known; whoever
 * may join later counts, too. Only places whose policies changed are compared.
 */
export function* openings(
  before: PolicySet,
  after: PolicySet,
  settings: MeshSettings,
  workloads: readonly Workload[],
): Steps<readonly Opening[]> {
  const change = changeOf(before, after);
  if (change.added.length + change.gone.length === 0) return [];
  const routes = foreignRoutes(change.added, before, after, settings);
  const deciding = [...change.added, ...change.gone].filter(({ kind }) => security.includes(kind));
  if (deciding.length === 0) return routes;
  const sides = [sideOf(before, settings), sideOf(after, settings)] as const;
  const [old, now] = sides;
  const callers = callersOf(sides, workloads);
  const touched = namespacesOf(deciding, sides, workloads);
  const known = knownPlaces(workloads).filter(({ namespace }) => touched.has(namespace));
  const found: Opening[] = [...routes];
  const told = new Map<string, number>();
  const enough = new Set<string>();
  const places = [...known, ...[...touched].flatMap((namespace) => possiblePlaces(sides, namespace))];
  for (const place of places) {
    wideningCounters.places += 1;
    const [acted, act] = [actingAt(old, place), actingAt(now, place)];
    if (acted.length === act.length && acted.every((each, index) => each === act[index])) continue;
    yield;
    // Where requests are let in nobody wonders about bytes.
    const opened = new Set<string>();
    const bytes = place.ports === undefined && !isKnownAmong(known, place);
    for (const [was, is] of portsAt(sides, place, bytes)) {
      if (was === undefined || is === undefined) continue;
      wideningCounters.compared += 1;
      const doors = [doorAt(old, place, was), doorAt(now, place, is)] as const;
      for (const each of letInAnew(...doors, callers, (reason) => enough.has(`${place.namespace} ${reason}`))) {
        const by = openedBy(each, doors, actingAt(old, place), change) ?? another(change, place, sides);
        const key = `${place.namespace} ${keyOf(by)}`;
        const count = told.get(key) ?? 0;
        if (count >= mostExamples || (!is.http && opened.has(key))) continue;
        told.set(key, count + 1);
        // Of a rule there is nothing else to tell there.
        if (count + 1 === mostExamples && 'rule' in each.because) enough.add(`${place.namespace} ${reasonOf(each)}`);
        if (is.http) opened.add(key);
        found.push({ destination: place.name, namespace: place.namespace, call: each.call, http: is.http, by });
      }
    }
  }
  return found;
}

/** What tells reasons apart. */
export function keyOf(by: OpenedBy): string {
  return `${refText(by.object)} ${by.kind === 'field' ? by.field : ''}`;
}

interface Change {
  readonly added: readonly Policy[];
  readonly gone: readonly Policy[];
}

/** Objects that say something else than before; where they stand is no matter. */
function changeOf(before: PolicySet, after: PolicySet): Change {
  const { added, gone } = policyChange(before, after);
  const [old, now] = [new Set(gone.map(textOf)), new Set(added.map(textOf))];
  return {
    added: added.filter((object) => !old.has(textOf(object))),
    gone: gone.filter((object) => !now.has(textOf(object))),
  };
}

function textOf(object: Policy): string {
  return `${refText(object)} ${JSON.stringify(object.spec)}`;
}

/** Where somebody may be called whom the change is about. */
function namespacesOf(
  deciding: readonly Policy[],
  sides: readonly PolicySide[],
  workloads: readonly Workload[],
): ReadonlySet<string> {
  const roots = new Set(sides.map(({ settings }) => settings.rootNamespace));
  const own = new Set(deciding.map(({ namespace }) => namespace));
  if (![...own].some((namespace) => roots.has(namespace))) return own;
  const all = sides.flatMap(({ policies }) => policies.objects.map(({ namespace }) => namespace));
  return new Set([...own, ...all, ...workloads.map(({ namespace }) => namespace)]);
}

function callersOf(sides: readonly PolicySide[], workloads: readonly Workload[]): Callers {
  const known = workloads.flatMap(({ identity }) =>
    identity === undefined ? [] : [identity.replace('spiffe://', '')],
  );
  return {
    trustDomains: [...new Set(sides.flatMap(({ settings }) => settings.trustDomains))],
    known: [...new Set(known)].sort(),
  };
}

/** What of the change lets them in, where the change says so itself. */
function openedBy(
  { because }: LetInAnew,
  doors: readonly [before: Door, after: Door],
  acted: readonly object[],
  change: Change,
): OpenedBy | undefined {
  const changed = (ref: ObjectRef, field: string): OpenedBy | undefined => {
    const isMeant = (each: Policy) => refText(each) === refText(ref);
    const now = change.added.find(isMeant);
    if (now !== undefined) return { kind: 'field', object: now, field };
    const gone = change.gone.find(isMeant);
    return gone && { kind: 'gone', object: gone };
  };
  switch (because.kind) {
    case 'granted':
      return changed(because.rule.by.object, because.rule.by.field);
    case 'freed':
      return changed(because.rule.by.object, 'spec');
    case 'no-allow-policy': {
      const isClosing = (each: Policy) =>
        each.kind === 'AuthorizationPolicy' && each.spec.action === 'ALLOW' && acted.includes(each);
      const closing = change.gone.find(isClosing);
      return closing && changed(refOf(closing), 'spec');
    }
    case 'plaintext': {
      const [before, after] = doors.map(({ mtls }) => mtls.by);
      const named = [after, before].flatMap((by) => (by === undefined || 'default' in by ? [] : [by]));
      return named.map(({ object, field }) => changed(object, field)).find((by) => by !== undefined);
    }
    default:
      return because satisfies never;
  }
}

/** Whatever else of the change acts there: a mode, a name of the trust domain, the protocol of a port. */
function another({ added, gone }: Change, { namespace }: CalledPlace, sides: readonly PolicySide[]): OpenedBy {
  const namespaces = new Set([namespace, ...sides.map(({ settings }) => settings.rootNamespace)]);
  const acts = (object: Policy) => security.includes(object.kind) && namespaces.has(object.namespace);
  const byKind = (a: Policy, b: Policy) => security.indexOf(a.kind) - security.indexOf(b.kind);
  const [changed] = added.filter(acts).sort(byKind);
  if (changed !== undefined) return { kind: 'field', object: changed, field: 'spec' };
  const [lost] = gone.filter(acts).sort(byKind);
  if (lost === undefined) throw new Error('nothing changed, and somebody else is let in');
  return { kind: 'gone', object: lost };
}
