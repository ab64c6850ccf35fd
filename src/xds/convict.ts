import type { Refuser } from './quarantine.ts';
import { lookup } from './snapshot.ts';
import type { StreamHost } from './stream-host.ts';
import { type Rejection, type Subscription, wasRefused } from './subscription.ts';

/** Has equal streams know what a client refused for certain (X38). `before`, `landed`: without its answer, and with it. */
export function convict(
  { quarantine, streams }: Pick<StreamHost<unknown>, 'quarantine' | 'streams'>,
  refuser: Refuser,
  before: Subscription,
  landed: Subscription,
  { message, names }: Rejection,
  now: number,
): void {
  const { typeUrl } = landed.type;
  for (const name of names) {
    // What has changed since, or never was in the view but stood for something missing, is withheld from nobody.
    const resource = lookup(refuser.layers, typeUrl, name);
    if (resource === undefined || !wasRefused(landed, name, resource.version)) continue;
    if (wasRefused(before, name, resource.version)) continue;
    const accepted = [...streams.all()].some((stream) => stream.accepted(refuser.agent, resource));
    quarantine.refuse(refuser, { resource, good: landed.refused.get(name)?.good, message, at: now, accepted });
  }
}
