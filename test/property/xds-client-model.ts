import type { Plan } from '../../src/xds/plan.ts';
import type { Resource, ResourceReference } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, virtualHostType } from '../../src/xds/resource-types.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { badMark } from './xds-mesh.ts';

/** What the client holds of a resource. */
export interface Cached {
  readonly version: string;
  /** Undefined: an empty message that stands for a name without content. */
  readonly text: string | undefined;
  readonly references: readonly ResourceReference[];
}

/** What the model client makes of a response. */
export interface Reaction {
  readonly error: string | undefined;
  readonly applied: readonly Resource[];
  readonly removed: readonly string[];
  /** Whether a whole set counts: what it does not name is gone. */
  readonly setApplied: boolean;
}

/** LDS and CDS: an empty first request means everything, and a SotW response is the whole set. VHDS is a set, too (decision 42). */
export function isWhole(typeUrl: string): boolean {
  return hasStar(typeUrl) || typeUrl === virtualHostType;
}

/** Whether a client may give the wildcard up, and begin it by name. */
export function hasStar(typeUrl: string): boolean {
  return typeUrl === clusterType || typeUrl === listenerType;
}

/** Whether a variant has it at all. */
export function isServed(typeUrl: string, variant: Variant): boolean {
  return variant === 'delta' || typeUrl !== virtualHostType;
}

/** The content as the mesh wrote it; undefined for an empty message that stands for nothing (X90, X115). */
export function textOf(resource: Resource): string | undefined {
  return resource.value[0] === '['.charCodeAt(0) ? Buffer.from(resource.value).toString() : undefined;
}

/** Whether a client refuses it. */
export function isBad(resource: Resource): boolean {
  const text = textOf(resource);
  return text !== undefined && JSON.parse(text)[1] === badMark;
}

/**
 * Reacts as Envoy does (E15): clusters and listeners are refused by name with the rest applied, by a dump of the first or by a text that
 * names nobody with nothing applied; the others by a bare reason, with some applied. `whim` chooses.
 */
export function react(plan: Plan, whim: number): Reaction {
  const { resources, removed, typeUrl } = plan;
  const bad = resources.filter(isBad);
  const [first] = bad;
  if (first === undefined) return { error: undefined, applied: resources, removed, setApplied: true };
  const good = resources.filter((resource) => !isBad(resource));
  if (hasStar(typeUrl) && whim % 4 >= 2) {
    const error = 'Invalid duration: Expected positive duration: goo.gle/debugonly  \nseconds: -1\n';
    return { error, applied: [], removed: [], setApplied: false };
  }
  if (whim % 2 === 0) {
    const dump = `goo.gle/debugonly  \n${typeUrl === endpointType ? 'cluster_' : ''}name: "${first.name}"\n: Proto constraint`;
    return { error: dump, applied: [], removed: [], setApplied: false };
  }
  if (!hasStar(typeUrl)) {
    const some = good.filter((_, index) => (whim >> index) % 2 === 1);
    return { error: 'missing ): (', applied: some, removed: [], setApplied: false };
  }
  const listed =
    typeUrl === clusterType
      ? `cluster(s) ${bad.map(({ name }) => `${name}: REASON`).join(', ')}`
      : `listener(s) ${bad.map(({ name }) => `${name}: REASON\n`).join('')}`;
  return { error: `goo.gle/debugstr Error adding/updating ${listed}`, applied: good, removed, setApplied: true };
}

/**
 * Which resources a NACK proves to be refused: those that it names, or the only one that is new. `accepted`: name → version that the server
 * knows the client to have, from this stream; what a SotW client brings along from another nobody can know.
 */
export function culpritsOf(plan: Plan, error: string, accepted: ReadonlyMap<string, string>): readonly Resource[] {
  const { resources } = plan;
  const isSet = plan.variant === 'sotw' && isWhole(plan.typeUrl);
  const news = isSet ? resources.filter(({ name, version }) => accepted.get(name) !== version) : resources;
  const lacks = isSet && [...accepted.keys()].some((name) => !resources.some((resource) => resource.name === name));
  return resources.filter(
    (resource) =>
      isBad(resource) &&
      // In a set, what it lacks may be to blame as well.
      ((!lacks && news.length === 1 && news[0] === resource) ||
        error.includes(`${resource.name}: R`) ||
        error.includes(`"${resource.name}"`)),
  );
}

/** A change of what a client asks for. `star`: the wildcard by name. */
export interface Change {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
}

/** What a client wants of one type and what it has got, over all its streams. */
export class Interest {
  readonly typeUrl: string;
  wildcard: boolean;
  readonly names = new Set<string>();
  readonly cache = new Map<string, Cached>();
  /** SotW: the list that an ACK repeats is empty only while nothing was ever named (X48). */
  everNamed = false;
  /** SotW: of the last response that was accepted, while nothing of it was given up: then the client does not hold that version. */
  ackedVersion = '';
  /** SotW: name → version in that response. What it took of a set that it refused later is not in it, though it holds that. */
  ackedSet: ReadonlyMap<string, string> = new Map();

  constructor(typeUrl: string, variant: Variant) {
    this.typeUrl = typeUrl;
    this.wildcard = isWhole(typeUrl) && isServed(typeUrl, variant);
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  /** Whether a stream would hear of this type at all. */
  get isEmpty(): boolean {
    return !this.wildcard && this.names.size === 0;
  }

  /** The complete list of SotW, or the first one of delta; `plain`: a wildcard is said by silence. */
  list(plain: boolean): readonly string[] {
    if (this.wildcard && this.names.size === 0 && plain) return [];
    return [...(this.wildcard ? ['*'] : []), ...this.names];
  }

  /** Forgets what is no longer wanted; in delta also what has to be told anew after a name was given up (X75). */
  change({ subscribe, unsubscribe }: Change, variant: Variant): void {
    for (const name of subscribe)
      if (name === '*') this.wildcard = true;
      else this.names.add(name);
    for (const name of unsubscribe)
      if (name === '*') this.wildcard = false;
      else if (this.names.delete(name) && variant === 'delta') this.cache.delete(name);
    for (const name of [...this.cache.keys()])
      if (!this.wants(name)) {
        this.cache.delete(name);
        this.ackedVersion = '';
      }
  }

  /** Takes what was applied of a response. */
  take(plan: Plan, { applied, removed, setApplied }: Reaction): readonly Resource[] {
    if (plan.variant === 'sotw' && isWhole(this.typeUrl) && setApplied)
      for (const name of [...this.cache.keys()])
        if (!plan.resources.some((resource) => resource.name === name)) this.cache.delete(name);
    const taken = applied.filter(({ name }) => this.wants(name));
    for (const resource of taken) {
      const { version, references } = resource;
      this.cache.set(resource.name, { version, text: textOf(resource), references });
    }
    for (const name of removed) this.cache.delete(name);
    return taken;
  }
}
