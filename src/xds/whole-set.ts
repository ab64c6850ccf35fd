import { nextHeartbeat } from './heartbeat.ts';
import type { Resource } from './resource.ts';
import { type Due, isSame, type ResponseContext, standingVerdict, waitingSince } from './respond.ts';
import {
  everyName,
  type Held,
  heldOf,
  isResource,
  isSubscribed,
  nothingHeld,
  removal,
  type Subscription,
  type Waiting,
  wasRefused,
} from './subscription.ts';
import { type Suspects, searchedVersions, standingVersions, standsBack } from './suspects.ts';
import { wantedOf } from './wanted.ts';

/** What the client should hold, and how that differs from what it does. */
export interface WholeSet {
  readonly members: Map<string, Resource>;
  /** Members that the client does not hold in this form. */
  readonly changed: Map<string, Resource>;
  /** What it holds and is no member. */
  readonly gone: Set<string>;
  /** How many it may hold or not, and are no members: nobody is to blame for those. */
  dropped: number;
  /** The names, as they are asked for, under which any of that is told. */
  readonly told: string[];
  /** What it holds under these. */
  readonly before: Map<string, Held>;
  /** What it holds once the set has arrived, where that is not what stands in the view. */
  readonly differs: Map<string, Held | typeof nothingHeld>;
  readonly waiting: Map<string, Waiting>;
  /** Sent in an earlier form; the newest is still owed. */
  readonly earlier: Set<string>;
  /** News, by name: the versions that are told, or would be if they did not stand back; `removal` where it is gone. */
  readonly news: Map<string, string>;
  /** Whether something is left out: its only content was refused, or it waits. */
  lacking: boolean;
  wake: number;
}

/** What a set is made in. */
interface Look {
  readonly subscription: Subscription;
  readonly context: ResponseContext;
  /** Those that are suspected, and were sent. */
  readonly searched: ReadonlyMap<string, string>;
  /** Those that are suspected, and stay as they are. */
  readonly standing: ReadonlyMap<string, string>;
  readonly isBack: (name: string) => boolean;
}

/** The set of all that is subscribed. What waits, was refused, or stands back stands in it as it was (M3, section 5 point 2). */
export function wholeSet(
  subscription: Subscription,
  context: ResponseContext,
  suspects: Suspects | undefined,
): WholeSet {
  const look: Look = {
    subscription,
    context,
    searched: searchedVersions(subscription.suspects),
    standing: standingVersions(suspects),
    isBack: standsBack(suspects),
  };
  const set: WholeSet = {
    members: new Map(),
    changed: new Map(),
    gone: new Set(),
    dropped: 0,
    told: [],
    before: new Map(),
    differs: new Map(),
    waiting: new Map(),
    earlier: new Set(),
    news: new Map(),
    lacking: false,
    wake: nextHeartbeat(subscription),
  };
  for (const name of everyName(subscription, context.layers))
    if (isSubscribed(subscription, name)) consider(look, name, set);
  for (const name of set.gone) if (set.members.has(name)) set.gone.delete(name);
  return set;
}

function consider(look: Look, name: string, set: WholeSet): void {
  const { subscription, context } = look;
  const held = heldOf(subscription, context.layers, name);
  const next = wantedOf(subscription, context.layers, name);
  const given = held !== undefined && isResource(held) ? held : undefined;
  // Refusals and suspects bear the name of the resource, whatever it is asked for by (X83).
  const key = (next ?? given)?.name ?? name;
  const own = given ?? subscription.refused.get(key)?.good;
  let member = next;
  if (next?.version !== held?.version || (next === undefined && own !== undefined)) {
    const due = { subscription, name, next, held, waiting: subscription.waiting.get(name) };
    member = formOf(due, key, own, look, set);
  }
  const isDropped = member === undefined && held?.version === '';
  if (member?.version !== held?.version && !isDropped) {
    set.news.set(key, member?.version ?? removal);
    if (look.isBack(key)) {
      member = given;
      if (!look.standing.has(key)) set.earlier.add(name);
    }
  }
  if (member !== next) set.differs.set(name, member ?? nothingHeld);
  if (member !== undefined) {
    // Once, though it may be asked for under an alias, too (X61).
    set.members.set(member.name, member);
    if (isSame(held, member, context)) return;
    set.changed.set(member.name, member);
  } else {
    set.lacking ||= next !== undefined;
    if (held === undefined) return;
    if (isDropped) set.dropped += 1;
    else set.gone.add(key);
  }
  set.told.push(name);
  if (held !== undefined && !isDropped) set.before.set(name, held);
}

/** The form in which something new is told: the newest, or where that was refused or has to wait the client's own, if there is one. */
function formOf(
  due: Due,
  key: string,
  own: Resource | undefined,
  { subscription, context, searched }: Look,
  set: WholeSet,
): Resource | undefined {
  const { name, next, held } = due;
  const newest = next?.version ?? removal;
  const verdict = standingVerdict(context.judge(due), context);
  const elsewhere = next === undefined ? undefined : context.quarantined(next);
  if (wasRefused(subscription, key, newest) && (next ?? held) !== undefined) return own;
  if (elsewhere !== undefined) return own ?? elsewhere.good;
  if (verdict.kind === 'send') {
    if (verdict.instead === undefined) return next;
    set.earlier.add(name);
    return verdict.instead;
  }
  // It waited before the set that was refused; a search that began with that again would have no end.
  if (verdict.until < never && searched.get(key) === newest) return next;
  // It has to stay, and there is no form of it to tell.
  set.lacking ||= next === undefined && own === undefined && verdict.until === never;
  set.wake = Math.min(set.wake, verdict.until);
  set.waiting.set(name, waitingSince(due.waiting, verdict.clearSince, context.now));
  return own;
}

const never = Number.POSITIVE_INFINITY;
