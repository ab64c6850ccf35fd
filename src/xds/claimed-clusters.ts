import { type Digest, emptyDigest, joined, versionOf, without } from './digest.ts';
import type { Layer } from './layer.ts';
import type { PastClusters } from './past-clusters.ts';
import type { Resource } from './resource.ts';
import { clusterType } from './resource-types.ts';
import { digestOfType, lookup } from './snapshot.ts';

/**
 * The clusters that the view has no more and that a SotW client holds which comes with this version of a whole set (section 5, point 5):
 * its routes may lead there until it has taken new ones. The version tells, where it is of a set that a layer had not long ago, be it with
 * clusters that were on their way out. Of any other version nothing is known.
 */
export function claimedClusters(layers: readonly Layer[], version: string): readonly Resource[] {
  const all = digestOfType(layers, clusterType);
  for (const layer of layers) {
    const others = without(all, layer.digests.get(clusterType) ?? emptyDigest);
    const held = goneSince(layer, others, version);
    if (held !== undefined)
      return held.filter(({ name }) => lookup(layers, clusterType, name) === undefined).map(asClaimed);
  }
  return [];
}

/** What went since the client had its set from the layer; undefined: its set is none of those that are remembered. */
function goneSince({ digests, history }: Layer, others: Digest, version: string): readonly Resource[] | undefined {
  const steps = history.map(({ clusters }) => clusters);
  for (let since = 0; since <= steps.length; since += 1) {
    if (since > 0 && steps[since - 1]?.gone === undefined) return undefined;
    const own = since === 0 ? digests.get(clusterType) : steps[since - 1]?.digest;
    let set = joined(others, own ?? emptyDigest);
    // With what had gone before, and was on its way out.
    for (let kept = since; kept <= steps.length; kept += 1) {
      if (versionOf(set) === version)
        return [...stoodBefore(steps.slice(0, since)), ...steps.slice(since, kept).flatMap(({ gone }) => gone ?? [])];
      const gone = steps[kept]?.gone;
      if (gone === undefined) break;
      for (const { digest } of gone) set = joined(set, digest);
    }
  }
  return undefined;
}

/** What stood, before these steps, under the names that they changed or took away; newest first. */
function stoodBefore(steps: readonly PastClusters[]): readonly Resource[] {
  const stood = new Map<string, Resource | undefined>();
  for (const { gone = [], changed, added } of steps) {
    for (const resource of [...gone, ...changed]) stood.set(resource.name, resource);
    for (const name of added) stood.set(name, undefined);
  }
  return [...stood.values()].filter((resource) => resource !== undefined);
}

const claimedForms = new WeakMap<Resource, Resource>();

/** The same for all who come with it, so that its wire form is made once. */
function asClaimed(resource: Resource): Resource {
  let form = claimedForms.get(resource);
  if (form === undefined) {
    const claimed: Resource & { readonly claimed: true } = { ...resource, claimed: true };
    form = claimed;
    claimedForms.set(resource, form);
  }
  return form;
}
