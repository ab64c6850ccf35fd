import { type Chosen, resourcesIn } from './choose.ts';
import { versionOf } from './digest.ts';
import { heartbeatsAfter, withHeartbeats } from './heartbeat.ts';
import { mapOver, type PersistentMap, valueOf, withChanges } from './persistent-map.ts';
import { type Content, type Plan, planOf } from './plan.ts';
import type { Resource } from './resource.ts';
import type { Collected, ResponseContext } from './respond.ts';
import { digestOfType } from './snapshot.ts';
import {
  copyOf,
  type Held,
  nobodyWaits,
  nothingHeld,
  type Owed,
  type Subscription,
  type Waiting,
} from './subscription.ts';
import { wantedOf } from './wanted.ts';

/** What a look at the owed names came to. */
export interface Outcome {
  readonly collected: Collected;
  readonly chosen: Chosen;
  /** Names that were not looked at. */
  readonly unvisited: readonly string[];
}

/**
 * The subscription after a look: what was sent is held from now on (X82) and in flight until the client answers; what was
 * not stays owed. `silent`: nothing is sent.
 */
export function launch(
  subscription: Subscription,
  context: ResponseContext,
  outcome: Outcome,
  silent: boolean,
): { readonly subscription: Subscription; readonly plan: Plan | undefined } {
  const { claimed } = outcome.collected;
  const settled = settle(subscription, context, outcome);
  const looked = claimed.length === 0 ? settled : withHeartbeats(settled, claimed, context.now);
  if (silent) return { subscription: looked, plan: undefined };
  const { chosen } = outcome;
  const before = new Map<string, Held>();
  for (const { name, held } of chosen.offers) if (held !== undefined) before.set(name, held);
  for (const { name, held } of chosen.removals) if (held !== undefined) before.set(name, held);
  const { typeUrl } = subscription.type;
  const version =
    subscription.variant === 'sotw' ? versionOf(digestOfType(context.layers, typeUrl)) : String(context.generation);
  const removed = chosen.removals.length === 0 ? nothing : chosen.removals.map(({ name }) => name);
  return send(looked, context, { version, resources: resourcesIn(chosen), removed }, before);
}

const nothing: readonly string[] = [];

/** Puts a response in flight. `news`: what of it the client does not hold; all of it where not given. */
export function send(
  subscription: Subscription,
  context: ResponseContext,
  said: Pick<Content, 'version' | 'resources' | 'removed'>,
  before: ReadonlyMap<string, Held>,
  news?: { readonly sent: readonly Resource[]; readonly removed: readonly string[] },
): { readonly subscription: Subscription; readonly plan: Plan } {
  const { type, variant } = subscription;
  const timed = context.ttl && said.resources.some(({ ttl }) => ttl !== undefined);
  const { version, removed } = said;
  const ttl = timed ? 'with' : 'none';
  const content: Content = { variant, typeUrl: type.typeUrl, version, resources: said.resources, removed, ttl };
  const envelope = context.seal(content, context.after);
  const { nonce } = envelope;
  const { resources } = envelope.content;
  const launched = copyOf(subscription);
  launched.setOwed = false;
  launched.beaten = false;
  if (removed.length > 0) launched.removalsAlone = false;
  if (timed || subscription.heartbeats.size > 0) launched.heartbeats = heartbeatsAfter(subscription, content, context);
  const sent = news === undefined ? resources : news.sent;
  const gone = news === undefined ? removed : news.removed;
  launched.inFlight = { nonce, sent, members: resources, removed: gone, before, version };
  launched.lastNonce = nonce;
  launched.sentVersion = version;
  return { subscription: launched, plan: planOf(content, envelope) };
}

/** What is owed after a look, and what the client holds once it has what was chosen. */
function settle(subscription: Subscription, context: ResponseContext, outcome: Outcome): Subscription {
  const { pending, differs } = subscription.agreed
    ? settleLooked(subscription, context, outcome)
    : settleAll(subscription, context, outcome);
  const settled = copyOf(subscription);
  settled.agreed = true;
  settled.first = false;
  settled.pending = pending;
  settled.differs = differs;
  if (subscription.isolated.size > 0) settled.isolated = stillIn(subscription.isolated, pending);
  settled.waiting = waitingAfter(subscription, outcome);
  return settled;
}

type Settled = Pick<Subscription, 'pending' | 'differs'>;
type Difference = readonly [string, Held | typeof nothingHeld | undefined];

/** After a look at what was pending: only names that were looked at change. */
function settleLooked(subscription: Subscription, context: ResponseContext, outcome: Outcome): Settled {
  const { collected, chosen } = outcome;
  const done: (readonly [string, Owed | undefined])[] = [];
  for (const name of collected.settled) done.push([name, undefined]);
  for (const { name } of collected.kept) done.push([name, undefined]);
  for (const { name, as } of chosen.offers) done.push([name, as === 'earlier' ? 'changed' : undefined]);
  for (const { name } of chosen.removals) done.push([name, undefined]);
  return {
    pending: withChanges(subscription.pending, done),
    differs: withChanges(subscription.differs, differences(subscription, context, outcome)),
  };
}

/** After the first look at everything: what is neither sent nor settled is owed, and what is held of it written down. */
function settleAll(subscription: Subscription, context: ResponseContext, outcome: Outcome): Settled {
  const { collected, chosen, unvisited } = outcome;
  const offers = new Set(chosen.offers);
  const removals = new Set(chosen.removals);
  const owed = [...unvisited, ...collected.waiting.keys()];
  for (const offer of collected.offers) if (!offers.has(offer)) owed.push(offer.name);
  for (const removal of collected.removals) if (!removals.has(removal)) owed.push(removal.name);
  const pending = new Map<string, Owed>();
  const differs = new Map<string, Held | typeof nothingHeld>();
  for (const name of owed) {
    pending.set(name, isAsked(subscription, name) ? 'asked' : 'changed');
    differs.set(name, valueOf(subscription.differs, name) ?? nothingHeld);
  }
  for (const { name, as } of chosen.offers) if (as === 'earlier') pending.set(name, 'changed');
  for (const [name, held] of differences(subscription, context, outcome))
    if (held !== undefined) differs.set(name, held);
  return { pending: mapOver(pending), differs: mapOver(differs) };
}

/** What the client holds of the names that need nothing more; undefined: what stands in the view. */
function differences(
  subscription: Subscription,
  { layers }: ResponseContext,
  { collected, chosen }: Outcome,
): readonly Difference[] {
  const all: Difference[] = [];
  for (const name of collected.settled) all.push([name, undefined]);
  for (const { name, held } of collected.kept) all.push([name, held ?? nothingHeld]);
  for (const { name, resource, as } of chosen.offers) all.push([name, as === 'newest' ? undefined : resource]);
  for (const { name } of chosen.removals)
    all.push([name, wantedOf(subscription, layers, name) === undefined ? undefined : nothingHeld]);
  return all;
}

/** Asked for, be it by the first request, and not answered yet. */
function isAsked(subscription: Subscription, name: string): boolean {
  if (valueOf(subscription.pending, name) === 'asked') return true;
  const { first, differs, names } = subscription;
  return first && valueOf(differs, name) === undefined && valueOf(names, name) !== undefined;
}

function stillIn(names: ReadonlySet<string>, pending: PersistentMap<Owed>): ReadonlySet<string> {
  return new Set([...names].filter((name) => valueOf(pending, name) !== undefined));
}

/** The notes of names that wait; those of names that were not looked at stay. */
function waitingAfter({ waiting }: Subscription, { collected, chosen }: Outcome): ReadonlyMap<string, Waiting> {
  if (waiting.size === 0) return collected.waiting.size === 0 ? nobodyWaits : collected.waiting;
  const all = new Map([...waiting, ...collected.waiting]);
  for (const name of collected.settled) all.delete(name);
  for (const { name } of [...collected.kept, ...chosen.offers, ...chosen.removals]) all.delete(name);
  return all.size === 0 ? nobodyWaits : all;
}
