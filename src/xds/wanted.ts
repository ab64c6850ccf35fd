import type { Layer } from './layer.ts';
import { valueOf } from './persistent-map.ts';
import type { Resource } from './resource.ts';
import { lookup } from './snapshot.ts';
import type { Subscription } from './subscription.ts';

/** What stands in a view under a name that a client wants. A wildcard brings no alias, unless that is asked for as well (X61, X83). */
export function wantedOf(
  { wildcard, names, type }: Pick<Subscription, 'wildcard' | 'names' | 'type'>,
  layers: readonly Layer[],
  name: string,
): Resource | undefined {
  const found = lookup(layers, type.typeUrl, name);
  if (found === undefined || found.name === name || !wildcard) return found;
  return valueOf(names, name) === undefined ? undefined : found;
}
