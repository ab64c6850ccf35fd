import type { RefusedResource } from '../model/status.ts';

/** A refusal that begins or ends. */
export type RefusalNews =
  | { readonly event: 'refused'; readonly refused: RefusedResource }
  | { readonly event: 'accepted'; readonly refused: RefusedResource };

/**
 * What is new in a list of refused resources, to be called with each new list: every refusal of content that is wanted is told once, and
 * once when it is over. One that is gone at the next look is not told: while the culprit among several is looked for, all are suspected.
 */
export function createRefusalNews(tell: (news: RefusalNews) => void): (now: readonly RefusedResource[]) => void {
  let suspected = new Set<string>();
  let told = new Map<string, RefusedResource>();
  return (list) => {
    const now = new Map(list.filter(({ wanted }) => wanted).map((refused) => [keyOf(refused), refused]));
    const kept = new Map<string, RefusedResource>();
    for (const [key, refused] of now) {
      if (!told.has(key) && !suspected.has(key)) continue;
      if (!told.has(key)) tell({ event: 'refused', refused });
      kept.set(key, refused);
    }
    const names = new Set(Array.from(now.values(), nameOf));
    // What is refused again in another form is told as that.
    for (const [key, refused] of told)
      if (!now.has(key) && !names.has(nameOf(refused))) tell({ event: 'accepted', refused });
    suspected = new Set(now.keys());
    told = kept;
  };
}

/** Where the refusal comes from, in the words of a log: the line of a policy, or that none is known. */
export function refusalPlace({ source }: Pick<RefusedResource, 'source'>): string {
  return source === undefined ? 'no line of a policy is known' : `${source.file}:${source.line} (${source.commit})`;
}

function nameOf({ type, scope, agent, resource }: RefusedResource): string {
  return `${type} ${scope} ${agent} ${resource}`;
}

function keyOf(refused: RefusedResource): string {
  return `${nameOf(refused)} ${refused.refusedVersion}`;
}
