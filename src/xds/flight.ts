import { type Chosen, resourcesIn } from './choose.ts';
import { versionOf } from './digest.ts';
import { heartbeatsAfter } from './heartbeat.ts';
import { valueOf } from './persistent-map.ts';
import type { Content, Plan } from './plan.ts';
import type { Resource } from './resource.ts';
import type { Collected, ResponseContext } from './respond.ts';
import { digestOfType, lookup } from './snapshot.ts';
import { type Held, nobodyWaits, noDifferences, noNames, type Subscription, type Waiting } from './subscription.ts';

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
  const looked = settle(subscription, context, outcome);
  if (silent) return { subscription: looked, plan: undefined };
  const { chosen } = outcome;
  const before = new Map<string, Held>();
  for (const { resource, held } of chosen.offers) if (held !== undefined) before.set(resource.name, held);
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
  const content: Content = { ...said, variant, typeUrl: type.typeUrl, ttl: timed ? 'with' : 'none' };
  const envelope = context.seal(content, context.after);
  const { nonce, resources } = envelope;
  const { version, removed } = said;
  const launched: Subscription = {
    ...subscription,
    setOwed: false,
    removalsAlone: removed.length > 0 ? false : subscription.removalsAlone,
    heartbeats:
      timed || subscription.heartbeats.size > 0
        ? heartbeatsAfter(subscription, content, context)
        : subscription.heartbeats,
    inFlight: {
      nonce,
      since: context.now,
      sent: news?.sent ?? resources,
      removed: news?.removed ?? removed,
      before,
      version,
    },
    lastNonce: nonce,
    sentVersion: version,
    sentAt: context.now,
  };
  return { subscription: launched, plan: { ...content, resources, nonce, envelope } };
}

/** What is owed after a look, and what the client holds once it has what was chosen. */
function settle(subscription: Subscription, { layers }: ResponseContext, outcome: Outcome): Subscription {
  const { collected, chosen, unvisited } = outcome;
  const { agreed, type } = subscription;
  const owed = stillOwed(collected, chosen, unvisited);
  const differs = new Map<string, Held | undefined>(agreed ? subscription.differs : undefined);
  for (const name of collected.settled) differs.delete(name);
  for (const { name, held } of collected.kept) differs.set(name, held);
  for (const { name, resource, as } of chosen.offers)
    if (as === 'newest') differs.delete(name);
    else differs.set(name, resource);
  for (const { name } of chosen.removals)
    if (lookup(layers, type.typeUrl, name) === undefined) differs.delete(name);
    else differs.set(name, undefined);
  if (!agreed) for (const name of owed) if (!differs.has(name)) differs.set(name, subscription.differs.get(name));
  return {
    ...subscription,
    agreed: true,
    first: false,
    differs: differs.size === 0 ? noDifferences : differs,
    pending: owed.length === 0 ? noNames : new Set(owed),
    forced:
      owed.length === 0 ? noNames : only(owed, (name) => isForced(subscription, name) && !wasChosen(chosen, name)),
    isolated: subscription.isolated.size === 0 ? noNames : only(owed, (name) => subscription.isolated.has(name)),
    waiting: waitingAfter(subscription, collected, unvisited),
  };
}

function stillOwed(collected: Collected, chosen: Chosen, unvisited: readonly string[]): readonly string[] {
  const all = chosen.offers.length === collected.offers.length && chosen.removals.length === collected.removals.length;
  const none = all && collected.waiting.size === 0 && unvisited.length === 0;
  if (none && !chosen.offers.some(({ as }) => as === 'earlier')) return nothing;
  const left = [...unvisited, ...collected.waiting.keys()];
  const offers = new Set(chosen.offers);
  for (const offer of collected.offers) if (!offers.has(offer) || offer.as === 'earlier') left.push(offer.name);
  const removals = new Set(chosen.removals);
  for (const removal of collected.removals) if (!removals.has(removal)) left.push(removal.name);
  return left;
}

function wasChosen(chosen: Chosen, name: string): boolean {
  return chosen.offers.some((offer) => offer.name === name);
}

/** Asked for, be it by the first request, and not answered yet. */
function isForced(subscription: Subscription, name: string): boolean {
  if (subscription.forced.has(name)) return true;
  return subscription.first && !subscription.differs.has(name) && valueOf(subscription.names, name) !== undefined;
}

function only(names: readonly string[], wanted: (name: string) => boolean): ReadonlySet<string> {
  const left = names.filter(wanted);
  return left.length === 0 ? noNames : new Set(left);
}

function waitingAfter(
  subscription: Subscription,
  { waiting }: Collected,
  unvisited: readonly string[],
): ReadonlyMap<string, Waiting> {
  if (subscription.waiting.size === 0) return waiting.size === 0 ? nobodyWaits : waiting;
  const all = new Map(waiting);
  for (const name of unvisited) {
    const note = subscription.waiting.get(name);
    if (note !== undefined) all.set(name, note);
  }
  return all;
}
