import { contentHash } from '../proto/content-hash.ts';
import { entriesOf, valueOf, withChanges } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import type { Answer, ResponseContext } from './respond.ts';
import type { Held, Subscription, Waiting } from './subscription.ts';

/** Drops from the books what was looked at and needs nothing; a resource there is what the client holds already. */
export function settle(
  subscription: Subscription,
  settled: ReadonlyMap<string, Resource | undefined>,
  waiting: ReadonlyMap<string, Waiting>,
): Subscription {
  const adopted = [...settled].filter(([, resource]) => resource !== undefined);
  return {
    ...subscription,
    first: false,
    pending: without(subscription.pending, settled),
    forced: without(subscription.forced, settled),
    isolated: without(subscription.isolated, settled),
    waiting,
    held: adopted.length === 0 ? subscription.held : withChanges(subscription.held, adopted),
  };
}

/** Sends: what goes out is held from now on (X82), and in flight until the client answers. */
export function launch(
  subscription: Subscription,
  context: Pick<ResponseContext, 'generation' | 'now' | 'nonce'>,
  content: { readonly resources: readonly Resource[]; readonly removed: readonly string[] },
  older: ReadonlySet<string>,
): Omit<Answer, 'wake'> {
  const { resources, removed } = content;
  const { now, nonce } = context;
  const changes: (readonly [string, Held | undefined])[] = [];
  for (const resource of resources) changes.push([resource.name, resource]);
  for (const name of removed) changes.push([name, undefined]);
  const before = new Map(changes.map(([name]) => [name, valueOf(subscription.held, name)]));
  const held = withChanges(subscription.held, changes);
  const version = subscription.variant === 'sotw' ? setVersion(entriesOf(held)) : String(context.generation);
  const done = new Set([...before.keys()].filter((name) => !older.has(name)));
  const launched: Subscription = {
    ...subscription,
    held,
    pending: without(subscription.pending, done),
    forced: without(subscription.forced, before),
    isolated: without(subscription.isolated, before),
    removalsAlone: removed.length > 0 ? false : subscription.removalsAlone,
    first: false,
    setOwed: false,
    inFlight: { nonce, since: now, sent: resources, removed, before, version },
    lastNonce: nonce,
    sentVersion: version,
    sentAt: now,
  };
  const { typeUrl } = subscription;
  return { subscription: launched, plan: { typeUrl, nonce, version, resources, removed } };
}

/** X31, X32: the version of a set follows from names and versions alone. */
export function setVersion(entries: Iterable<readonly [string, Held]>): string {
  const lines = Array.from(entries, ([name, held]) => `${name}\0${held.version}\n`);
  return contentHash(Buffer.from(lines.sort().join('')));
}

function without(
  names: ReadonlySet<string>,
  gone: { readonly size: number; has(name: string): boolean },
): ReadonlySet<string> {
  if (names.size === 0 || gone.size === 0) return names;
  return new Set([...names].filter((name) => !gone.has(name)));
}
