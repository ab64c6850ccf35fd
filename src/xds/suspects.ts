import { type Flight, noNames, removal } from './subscription.ts';

/** A name of a refused set, and the version that stood there; `removal` where the set lacked what the client holds. */
export interface Suspect {
  readonly name: string;
  readonly version: string;
}

/**
 * Who may be to blame for whole sets that were refused without a name (M3). The search halves what was refused, so that k culprits
 * among n are found in O(k log n) responses: a set tries some suspects, the others stand in it as they were.
 */
export interface Suspects {
  /** What was refused together, less what was taken since: these hold a culprit, as far as anybody can tell. */
  readonly guilty: readonly Suspect[];
  /** Of these nothing is known; they are tried together once those are cleared up. */
  readonly others: readonly Suspect[];
}

/** What of a response can be to blame. Removals come first, so that what takes the place of something is not tried beside it. */
export function newsOf({ removed, sent }: Pick<Flight, 'removed' | 'sent'>): readonly Suspect[] {
  return [
    ...removed.map((name) => ({ name, version: removal })),
    ...sent.map(({ name, version }) => ({ name, version })),
  ];
}

/** After a NACK that names nobody of several. */
export function suspectsAmong(news: readonly Suspect[], before: Suspects | undefined): Suspects {
  return { guilty: news, others: without(allOf(before), namesOf(news)) };
}

/** After a NACK whose culprit is known: that explains the refusal, so nothing more is known of the rest. */
export function suspectsBeside(news: readonly Suspect[], before: Suspects | undefined): Suspects | undefined {
  return unlessEmpty({ guilty: [], others: without(allOf(before), namesOf(news)) });
}

/** After an ACK: what was taken is not to blame. */
export function suspectsAfter(news: readonly Suspect[], { guilty, others }: Suspects): Suspects | undefined {
  const taken = namesOf(news);
  return unlessEmpty({ guilty: without(guilty, taken), others: without(others, taken) });
}

/** Those that are still what would be told; the others changed, wait, or are not subscribed, and are owed as usual. */
export function suspectsStill(
  { guilty, others }: Suspects,
  isTold: (suspect: Suspect) => boolean,
): Suspects | undefined {
  return unlessEmpty({ guilty: guilty.filter(isTold), others: others.filter(isTold) });
}

/**
 * Those that stand back in the next set, by name: tried are half of the guilty, or where nothing points to anybody all that are left.
 */
export function heldBack(suspects: Suspects | undefined): ReadonlySet<string> {
  if (suspects === undefined || suspects.guilty.length === 0) return noNames;
  const { guilty, others } = suspects;
  return namesOf([...guilty.slice(Math.ceil(guilty.length / 2)), ...others]);
}

function allOf(suspects: Suspects | undefined): readonly Suspect[] {
  return suspects === undefined ? [] : [...suspects.guilty, ...suspects.others];
}

function namesOf(suspects: readonly Suspect[]): ReadonlySet<string> {
  return new Set(suspects.map(({ name }) => name));
}

function without(suspects: readonly Suspect[], names: ReadonlySet<string>): readonly Suspect[] {
  return suspects.filter(({ name }) => !names.has(name));
}

function unlessEmpty(suspects: Suspects): Suspects | undefined {
  return suspects.guilty.length + suspects.others.length === 0 ? undefined : suspects;
}
