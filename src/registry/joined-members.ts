import type { Workload } from '../model/workload.ts';
import { type DrainedRun, DrainedRuns } from './drained-runs.ts';
import type { Joining } from './join-claims.ts';
import { Refused } from './join-refusal.ts';
import { keepIdentity } from './keep-identity.ts';

/** One workload that joined, with or without a stream at present. */
export interface Member {
  readonly workload: Workload;
  /** The newest stream of this id; absent: lost, or restored and not yet back. */
  readonly stream?: string;
  /** Which run of its Envoy speaks; absent if its bootstrap does not say. */
  readonly run?: string;
  /** When a member without stream may be removed, in milliseconds since 1970. */
  readonly removeAt?: number;
  /** When its stream was lost; absent: it has one, or it was restored. */
  readonly lostAt?: number;
  /** An operator has said that it is really gone: self-preservation no longer holds it. */
  readonly released?: true;
}

/** What is known of a member without its stream. */
export type KnownWorkload = Pick<Member, 'workload' | 'run'>;

export interface RemovalLimits {
  readonly perSecond: number;
  /** F20: removals are held if more than this share of a service or of all would vanish … */
  readonly share: number;
  /** … and at least this many. */
  readonly atLeast: number;
  /** But not for longer than this, in milliseconds: callers must not try for ever what never comes back. */
  readonly hold: number;
}

export interface Expiry {
  readonly removed: readonly string[];
  /** Due, but held (F20): stale. */
  readonly withheld: readonly string[];
  /** When to look again; undefined: at the next event. */
  readonly next: number | undefined;
}

/** Who has joined: time comes in as an argument, so a schedule of calls has one outcome. */
export class JoinedMembers {
  readonly #members = new Map<string, Member>();
  readonly #streams = new Map<string, string>();
  /** Which member callers reach at `<address>|<port>`. */
  readonly #places = new Map<string, string>();
  /** Members without a stream: the only ones that time can remove. */
  readonly #waiting = new Set<string>();
  readonly #drained = new DrainedRuns();
  readonly #changed = new Set<string>();
  #revision = 0;
  /** Times of the last removals, at most as many as may happen in a second. */
  #removals: readonly number[] = [];

  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** Runs that said goodbye, here or not. */
  get drained(): readonly DrainedRun[] {
    return this.#drained.list();
  }

  /** Another number after every change of a workload or its run, or of which there are; streams that come and go do not count. */
  get revision(): number {
    return this.#revision;
  }

  /** The ids of which the workload is another or gone since this was asked last. */
  takeChanged(): readonly string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** The member that a stream speaks for; undefined once a newer stream of the same id has come. */
  memberOf(stream: string): Member | undefined {
    const member = this.#members.get(this.#streams.get(stream) ?? '');
    return member?.stream === stream ? member : undefined;
  }

  /**
   * Takes a checked claim in. The newest stream of an id is the one that counts (F4). Throws Refused if the id is another service's
   * or if callers already reach a live member at this address and port (T2). A run that said goodbye stays draining.
   */
  admit(stream: string, joining: Joining, now: number): Workload {
    const { run } = joining;
    const { id } = joining.workload;
    this.#drained.prune(now, (other) => this.#members.has(other));
    const isOver = this.#drained.has(id, run);
    const workload: Workload = isOver ? { ...joining.workload, health: 'draining' } : joining.workload;
    const bound = this.#streams.get(stream);
    if (bound !== undefined && bound !== workload.id) {
      throw new Refused(`the stream is "${bound}", a later node says "${workload.id}"`, 'one stream carries one node');
    }
    if (bound !== undefined && this.memberOf(stream) === undefined) {
      throw new Refused(`a newer stream speaks for "${workload.id}"`, 'end one of the two processes with this node id');
    }
    const before = this.#members.get(workload.id);
    if (before && !sameOwner(before.workload, workload)) {
      throw new Refused(
        `node.id "${workload.id}" belongs to service "${before.workload.service}"`,
        `choose another name, such as "${workload.service}-1.${workload.namespace}"`,
      );
    }
    const rivals = isOver ? [] : this.#rivals(workload);
    const living = rivals.find((id) => this.#holdsPlace(id));
    if (living !== undefined) {
      throw new Refused(
        `"${living}" is already at one of the addresses and ports of "${workload.id}"`,
        'give each sidecar its own inbound port, or its own address',
      );
    }
    // Nothing else can listen there now, so a lost member at the same place is gone for good.
    for (const id of rivals) this.#remove(id);
    if (!isOver) this.#drained.forget(id);
    const kept = keepIdentity(before?.workload, workload);
    this.#streams.set(stream, workload.id);
    this.#put({ workload: kept, stream, ...(run === undefined ? {} : { run }) });
    return kept;
  }

  /** Takes in what was known before a restart; a member that came earlier stays as it is. */
  restore({ workload, run }: KnownWorkload, removeAt: number): void {
    if (this.#members.has(workload.id) || this.#rivals(workload).length > 0) return;
    this.#put({ workload, removeAt, ...(run === undefined ? {} : { run }) });
  }

  /** Takes in which runs had said goodbye before a restart. */
  restoreDrained({ id, run }: DrainedRun, now: number): void {
    this.#drained.add(id, run, now);
  }

  /** A stream ended. Only the newest stream of a member matters; a draining member leaves at once. */
  lose(stream: string, now: number, removeAt: number): void {
    const member = this.memberOf(stream);
    this.#streams.delete(stream);
    if (!member) return;
    const { stream: _ended, ...rest } = member;
    if (member.workload.health === 'draining') this.#leave(member, now);
    else this.#put({ ...rest, removeAt, lostAt: now });
  }

  /** The sidecar says goodbye: its endpoints go at once, its configuration stays until its stream ends (E35). False: unknown. */
  drain(id: string, now: number): boolean {
    const member = this.#members.get(id);
    if (!member) return false;
    if (member.stream === undefined) {
      this.#leave(member, now);
      return true;
    }
    if (member.run !== undefined) this.#drained.add(id, member.run, now);
    this.#put({ ...member, workload: { ...member.workload, health: 'draining' } });
    return true;
  }

  /** A member that said goodbye has no stream any more; its Envoy may come back on another before it ends. */
  #leave({ workload, run }: Member, now: number): void {
    if (run !== undefined) this.#drained.add(workload.id, run, now);
    this.#remove(workload.id);
  }

  /** Lets go of members that self-preservation holds; returns how many. */
  release(now: number): number {
    const due = this.#withoutStream().filter(([, member]) => isDue(member, now) && member.released !== true);
    for (const [, member] of due) this.#put({ ...member, released: true });
    return due.length;
  }

  /** Removes what is due, within the limits. */
  expire(now: number, limits: RemovalLimits): Expiry {
    const waiting = this.#withoutStream();
    const due = waiting.filter(([, member]) => isDue(member, now));
    const next = nextLook(waiting, now, limits);
    if (due.length === 0) return { removed: [], withheld: [], next };
    const endangered = this.#endangered(waiting, now, limits);
    const held = ([, member]: readonly [string, Member]) =>
      !isFree(member, now, limits) && (endangered.has('') || endangered.has(serviceOf(member.workload)));
    const withheld = due.filter(held).map(([id]) => id);
    const removable = due.filter((entry) => !held(entry)).map(([id]) => id);

    this.#removals = this.#removals.filter((at) => at > now - 1000);
    const removed = removable.slice(0, Math.max(0, limits.perSecond - this.#removals.length));
    for (const id of removed) this.#remove(id);
    this.#removals = [...this.#removals, ...removed.map(() => now)];
    const oldest = this.#removals[0];
    const again = removed.length < removable.length && oldest !== undefined ? oldest + 1000 : undefined;
    return { removed, withheld, next: again ?? next };
  }

  /** Services (`''`: the whole mesh) of which so much is lost that the loss is more likely ours than theirs (F20). */
  #endangered(
    waiting: readonly (readonly [string, Member])[],
    now: number,
    limits: RemovalLimits,
  ): ReadonlySet<string> {
    const lost = new Map<string, number>();
    const all = new Map<string, number>();
    const count = (counts: Map<string, number>, member: Member) => {
      for (const key of ['', serviceOf(member.workload)]) counts.set(key, (counts.get(key) ?? 0) + 1);
    };
    for (const [, member] of waiting) if (!isFree(member, now, limits)) count(lost, member);
    for (const member of this.#members.values()) count(all, member);
    return new Set(
      [...lost].flatMap(([key, gone]) =>
        gone >= limits.atLeast && gone > limits.share * (all.get(key) ?? 0) ? [key] : [],
      ),
    );
  }

  #withoutStream(): readonly (readonly [string, Member])[] {
    return [...this.#waiting].flatMap((id) => {
      const member = this.#members.get(id);
      return member === undefined ? [] : [[id, member] as const];
    });
  }

  #put(member: Member): void {
    const { workload } = member;
    const before = this.#members.get(workload.id);
    this.#members.set(workload.id, member);
    if (member.stream === undefined) this.#waiting.add(workload.id);
    else this.#waiting.delete(workload.id);
    if (before?.workload === workload && before.run === member.run) return;
    if (before) this.#forget(before.workload);
    // Callers are sent away from a draining workload: its place is free.
    if (workload.health !== 'draining') for (const place of placesOf(workload)) this.#places.set(place, workload.id);
    this.#changed.add(workload.id);
    this.#revision += 1;
  }

  #remove(id: string): void {
    const member = this.#members.get(id);
    if (!member) return;
    this.#forget(member.workload);
    this.#members.delete(id);
    this.#waiting.delete(id);
    this.#changed.add(id);
    this.#revision += 1;
  }

  #forget(workload: Workload): void {
    for (const place of placesOf(workload)) if (this.#places.get(place) === workload.id) this.#places.delete(place);
  }

  #rivals(workload: Workload): readonly string[] {
    const ids = placesOf(workload).flatMap((place) => this.#places.get(place) ?? []);
    return [...new Set(ids)].filter((id) => id !== workload.id);
  }

  #holdsPlace(id: string): boolean {
    return this.#members.get(id)?.stream !== undefined;
  }
}

function isDue(member: Member, now: number): boolean {
  return member.stream === undefined && member.removeAt !== undefined && member.removeAt <= now;
}

/** True if self-preservation holds it no longer: an operator let it go, or it has been held long enough. */
function isFree(member: Member, now: number, limits: RemovalLimits): boolean {
  return member.released === true || (member.removeAt !== undefined && member.removeAt + limits.hold <= now);
}

/** The next time at which a lost member becomes due, or may be held no longer. */
function nextLook(
  waiting: readonly (readonly [string, Member])[],
  now: number,
  limits: RemovalLimits,
): number | undefined {
  let next: number | undefined;
  for (const [, { removeAt }] of waiting) {
    if (removeAt === undefined) continue;
    for (const at of [removeAt, removeAt + limits.hold]) if (at > now && (next === undefined || at < next)) next = at;
  }
  return next;
}

function sameOwner(a: Workload, b: Workload): boolean {
  return a.service === b.service && a.serviceAccount === b.serviceAccount;
}

function serviceOf(workload: Workload): string {
  return `${workload.namespace}/${workload.service}`;
}

function placesOf(workload: Workload): readonly string[] {
  return workload.ports.map((port) => `${workload.address}|${port.endpointPort}`);
}
