import { type Flight, removal } from './subscription.ts';

/** A name of a refused set, and the version that stood there; `removal` where the set lacked what the client holds. */
export interface Suspect {
  readonly name: string;
  readonly version: string;
}

/**
 * Who may be to blame for whole sets that were refused without a name (M3). The search halves what was refused, so that k culprits
 * among n are found in O(k log n) responses: a set tries some suspects, and everything else that is new waits until the search is over.
 */
export interface Suspects {
  /** What was refused together, less what was taken since: these hold a culprit, as far as anybody can tell. */
  readonly guilty: readonly Suspect[];
  /** Of these nothing is known; they are tried together once those are cleared up. */
  readonly others: readonly Suspect[];
  /** How many sets the search has tried. */
  readonly trials: number;
  /** Nobody looks for the culprit among these any more: they stay as they are on this stream until one of them changes. */
  readonly standing: readonly Suspect[];
}

/** A search is given up after as many sets: 40 with 5 culprits take 32, 1,000 with 3 take 38. */
export const mostTrials = 100;
/** What each change of content earns a search that was given up: one culprit among 1,000 takes 13. */
const trialsPerChange = 20;

/** What of a response can be to blame. Removals come first, so that what takes the place of something is not tried beside it. */
export function newsOf({ removed, sent }: Pick<Flight, 'removed' | 'sent'>): readonly Suspect[] {
  return [
    ...removed.map((name) => ({ name, version: removal })),
    ...sent.map(({ name, version }) => ({ name, version })),
  ];
}

/**
 * After a NACK that names nobody of several. `blind`: what the client holds is not known, so that no set may lack anything, and there is
 * nothing to try.
 */
export function suspectsAmong(news: readonly Suspect[], before: Suspects | undefined, blind: boolean): Suspects {
  const { others, standing, trials } = suspectsLess(news, before);
  return blind
    ? { guilty: [], others: [], trials: 0, standing: [...standing, ...others, ...news] }
    : limited({ guilty: news, others, trials, standing });
}

/** After a NACK whose culprit is known: that explains the refusal, so nothing more is known of the rest. */
export function suspectsBeside(news: readonly Suspect[], before: Suspects | undefined): Suspects | undefined {
  return unlessEmpty(limited(suspectsLess(news, before)));
}

/** After an ACK: what was taken is not to blame. */
export function suspectsAfter(news: readonly Suspect[], before: Suspects): Suspects | undefined {
  const taken = namesOf(news);
  const { standing, trials } = suspectsLess(news, before);
  const { guilty, others } = before;
  return unlessEmpty(limited({ guilty: without(guilty, taken), others: without(others, taken), trials, standing }));
}

/** How the suspects stand now. */
export interface SuspectsNow {
  /** Would be told now, in the form that was refused. */
  readonly isTold: (suspect: Suspect) => boolean;
  /** Stands in the view, told or not. */
  readonly isNewest: (suspect: Suspect) => boolean;
  /** See suspectsAmong. */
  readonly blind: boolean;
}

/**
 * Those that are still what would be told; the others changed, wait, were refused by an equal client, or are not subscribed, and are owed
 * as usual. Without one of them the refused set is another, so those that stood beside it are offered again: all at once where the client's
 * holdings are not known. What an equal refused earns them one set, or two that refuse everything would keep each other searching.
 */
export function suspectsStill(suspects: Suspects, { isTold, isNewest, blind }: SuspectsNow): Suspects | undefined {
  const guilty = suspects.guilty.filter(isTold);
  const others = suspects.others.filter(isTold);
  const standing = suspects.standing.filter(isTold);
  if (standing.length === suspects.standing.length) return unlessEmpty({ ...suspects, guilty, others });
  if (blind) return undefined;
  const changes = suspects.standing.filter((suspect) => !isNewest(suspect)).length;
  const spent = Math.min(isSearched(suspects) ? suspects.trials : mostTrials, mostTrials - 1);
  const trials = Math.max(0, spent - changes * trialsPerChange);
  return unlessEmpty({ guilty, others: [...others, ...standing], trials, standing: [] });
}

/**
 * Whether news of a name stand back in the next set. In a search all do but the tried: half of the guilty, or where nothing points to
 * anybody all that are left. What came meanwhile would be suspected with them, and a search under many changes never end.
 */
export function standsBack(suspects: Suspects | undefined): (name: string) => boolean {
  if (suspects === undefined) return () => false;
  const { guilty, others } = suspects;
  if (!isSearched(suspects)) {
    const standing = standingVersions(suspects);
    return (name) => standing.has(name);
  }
  const tried = namesOf(guilty.length > 0 ? guilty.slice(0, Math.ceil(guilty.length / 2)) : others);
  return (name) => !tried.has(name);
}

/** Whether a look may come to something though nothing is owed: an equal client may have shown who of these is to blame. */
export function stands({ suspects }: { readonly suspects: Suspects | undefined }): boolean {
  return suspects !== undefined && suspects.standing.length > 0;
}

const standingByList = new WeakMap<readonly Suspect[], ReadonlyMap<string, string>>();
const nobody: ReadonlyMap<string, string> = new Map();

/** Those of which nobody looks for the culprit, by name: the version that stands. Made once for a list: every route to a cluster asks. */
export function standingVersions(suspects: Suspects | undefined): ReadonlyMap<string, string> {
  if (suspects === undefined || suspects.standing.length === 0) return nobody;
  let versions = standingByList.get(suspects.standing);
  if (versions === undefined) {
    versions = new Map(suspects.standing.map(({ name, version }) => [name, version]));
    standingByList.set(suspects.standing, versions);
  }
  return versions;
}

/** Those of a search, by name: the version that was sent, and so has waited for whatever it had to wait for. */
export function searchedVersions(suspects: Suspects | undefined): ReadonlyMap<string, string> {
  if (suspects === undefined || !isSearched(suspects)) return nobody;
  return new Map([...suspects.guilty, ...suspects.others].map(({ name, version }) => [name, version]));
}

function isSearched({ guilty, others }: Suspects): boolean {
  return guilty.length + others.length > 0;
}

/** After one set more: those that are left, none of them known to be guilty. */
function suspectsLess(news: readonly Suspect[], before: Suspects | undefined): Suspects {
  if (before === undefined) return { guilty: [], others: [], trials: 0, standing: [] };
  const names = namesOf(news);
  return {
    guilty: [],
    others: without([...before.guilty, ...before.others], names),
    trials: isSearched(before) ? before.trials + 1 : 0,
    standing: without(before.standing, names),
  };
}

/** A client that refuses whatever comes is not asked for ever. */
function limited(suspects: Suspects): Suspects {
  const { guilty, others, trials, standing } = suspects;
  if (!isSearched(suspects)) return { ...suspects, trials: 0 };
  return trials < mostTrials
    ? suspects
    : { guilty: [], others: [], trials: 0, standing: [...standing, ...guilty, ...others] };
}

function namesOf(suspects: readonly Suspect[]): ReadonlySet<string> {
  return new Set(suspects.map(({ name }) => name));
}

function without(suspects: readonly Suspect[], names: ReadonlySet<string>): readonly Suspect[] {
  return suspects.filter(({ name }) => !names.has(name));
}

function unlessEmpty(suspects: Suspects): Suspects | undefined {
  return isSearched(suspects) || suspects.standing.length > 0 ? suspects : undefined;
}
