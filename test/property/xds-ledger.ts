import type { Plan } from '../../src/xds/plan.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType, virtualHostType } from '../../src/xds/resource-types.ts';
import { type Interest, isWhole, textOf } from './xds-client-model.ts';
import { type Item, keyOf, namesOfType } from './xds-mesh.ts';

/** What a check needs to know of the world. */
export interface Moment {
  readonly items: ReadonlyMap<string, Item>;
  /** The mesh as it was when clusters were sent last on this stream; undefined without aggregation. */
  readonly atClusters: ReadonlyMap<string, Item> | undefined;
  /** Whether an equal client refused this content. */
  readonly isQuarantined: (key: string, text: string | undefined) => boolean;
}

/** The rules of section 4 that concern one type on one stream, as its client sees them. */
export class Ledger {
  readonly interest: Interest;
  outstanding: Plan | undefined;
  /** The nonce that a SotW client names: of the response that it handled last. */
  handledNonce = '';
  answered = false;
  opened = false;
  /** SotW: the client came with the version of a set, and took none on this stream yet. */
  isOfUnknownHoldings = false;
  /** What is surely refused, as `name version`. */
  readonly refused = new Set<string>();
  /** Name → version that the client acknowledged, or told when it came; `gone` after a removal. */
  readonly acked = new Map<string, string>();
  /** Name → version that came on this stream and was acknowledged. */
  readonly accepted = new Map<string, string>();
  /** May be sent although unchanged: X69, X75, X87. */
  readonly excused = new Set<string>();
  /** Named by the client and not answered yet (INV12). */
  readonly asked = new Set<string>();
  /** What the last response said of a name, on this stream. */
  readonly sent = new Map<string, string>();
  /** Everything that the client took or came with, as `name version`. */
  readonly everAcked = new Set<string>();
  /** Everything that was sent, as `name version`. */
  readonly everSent = new Set<string>();
  /** Name → version that was on its way when the name was given up: whoever asks again may have it, or may have dropped it. */
  readonly #doubtful = new Map<string, string>();
  /** What stood beside a culprit that was named, as `name version`. */
  readonly #spared = new Set<string>();
  #ackedSet: string | undefined;
  #setExcused = true;

  constructor(interest: Interest) {
    this.interest = interest;
  }

  /** Name → version of what the server knows the client to hold: also what stood beside a culprit that was named. */
  get known(): ReadonlyMap<string, string> {
    const here = [...this.interest.cache].filter(([name, { version }]) => this.#spared.has(`${name} ${version}`));
    const surely = [...this.accepted].filter(([name, version]) => this.#doubtful.get(name) !== version);
    return new Map([...surely, ...here.map(([name, { version }]) => [name, version] as const)]);
  }

  /** SotW: what was sent last was accepted, so that the client's version is that of what it holds. */
  get isSetAccepted(): boolean {
    return this.#ackedSet !== undefined;
  }

  /** What went away may be offered anew when it comes back. */
  forgive(items: Moment['items']): void {
    for (const word of this.refused) {
      const [name = ''] = word.split(' ');
      if (!items.has(keyOf(this.interest.typeUrl, name))) this.refused.delete(word);
    }
  }

  /** X70: what is told at its newest version need not be sent again, and M7 wants it not to be. */
  told(versions: ReadonlyMap<string, string>): void {
    for (const [name, version] of versions) {
      this.acked.set(name, version);
      this.everAcked.add(`${name} ${version}`);
    }
    for (const name of this.interest.names) if (!versions.has(name)) this.asked.add(name);
  }

  /** A change of the subscription: what may and what must be said again. */
  changed(subscribe: readonly string[], unsubscribe: readonly string[]): void {
    this.#setExcused = true;
    for (const name of [...subscribe, ...unsubscribe]) {
      if (name === '*') continue;
      this.excused.add(name);
      this.acked.delete(name);
    }
    for (const name of subscribe) if (name !== '*') this.asked.add(name);
    // A wildcard that begins brings everything, whatever an answer to an earlier one was.
    if (subscribe.includes('*')) for (const name of namesOfType(this.interest.typeUrl)) this.excused.add(name);
    for (const name of unsubscribe) this.asked.delete(name);
    for (const { name, version } of this.outstanding?.resources ?? [])
      if (!this.interest.wants(name)) this.#doubtful.set(name, version);
    for (const name of [...this.accepted.keys()]) if (!this.interest.wants(name)) this.accepted.delete(name);
    // What a wildcard brought is given up with it, and told again when it returns.
    for (const name of [...this.acked.keys()]) if (!this.interest.wants(name)) this.acked.delete(name);
    for (const name of [...this.asked]) if (!this.interest.names.has(name)) this.asked.delete(name);
  }

  /** Everything that one response alone can break. */
  check(plan: Plan, moment: Moment): void {
    const { typeUrl, resources, removed } = plan;
    const names = [...resources.map(({ name }) => name), ...removed];
    const fail = (what: string): never => {
      const told = resources.map((resource) => `${resource.name}=${textOf(resource)}`).join(' ');
      throw new Error(`${what}: ${keyOf(typeUrl, '')}sends ${told} -[${removed}] ${plan.ttl}`);
    };
    if (this.outstanding !== undefined) fail('INV10 two responses of a type in flight');
    if (plan.nonce === '' || plan.version === '') fail('INV5 an empty nonce or version');
    if (new Set(names).size < names.length) fail('INV5 a name twice');
    if (plan.variant === 'sotw' && removed.length > 0) fail('INV5 SotW has no removals');
    const whole = plan.variant === 'sotw' && isWhole(typeUrl);
    for (const resource of resources) {
      const { name, version } = resource;
      if (resource.typeUrl !== typeUrl || version === '') fail('INV5 the type or the version of a resource');
      if (!this.interest.wants(name)) fail(`INV4 ${name} is not subscribed`);
      if (this.refused.has(`${name} ${version}`)) fail(`INV6 refused content of ${name} again`);
      const known = this.acked.get(name) === version;
      // The client of a set that stands came with its version, and holds what is in it.
      const isOfSet = whole && this.interest.cache.get(name)?.version === version;
      const took = known || isOfSet || this.everAcked.has(`${name} ${version}`);
      if (moment.isQuarantined(keyOf(typeUrl, name), textOf(resource)) && this.sent.get(name) !== version && !took)
        fail(`INV6 X38 content of ${name} that an equal client refused`);
      if (plan.ttl === 'heartbeat') {
        if (typeUrl === virtualHostType) fail('X109 a heartbeat of a virtual host');
        if (resource.ttl === undefined) fail(`X108 a heartbeat of ${name}, which has no TTL`);
        if (this.acked.has(name) && !known) fail(`X108 a heartbeat of ${name} that the client does not hold`);
      } else {
        if (!whole && known && !this.excused.has(name)) fail(`INV2 ${name}, which the client has`);
        this.#checkAge(resource, whole, moment, fail);
      }
    }
    for (const name of removed) {
      if (!this.interest.wants(name)) fail(`INV4 ${name} is removed and not subscribed`);
      if (this.acked.get(name) === 'gone' && !this.excused.has(name)) fail(`INV2 ${name} is removed again`);
      const item = moment.items.get(keyOf(typeUrl, name));
      if (item !== undefined && !this.#isBarred(item, moment)) fail(`INV7 ${name} is removed, but exists`);
    }
    if (whole) {
      const set = setOf(plan);
      const timed = resources.some(({ ttl }) => ttl !== undefined);
      if (set === this.#ackedSet && !this.#setExcused && !timed) fail('INV2 the set that the client has');
      this.#setExcused = false;
    }
    this.#note(plan, whole);
  }

  /** INV7, X93: content is the newest, or there is a reason why it may not be. */
  #checkAge(resource: Resource, whole: boolean, moment: Moment, fail: (what: string) => never): void {
    const { typeUrl, name, version } = resource;
    const key = keyOf(typeUrl, name);
    const newest = moment.items.get(key);
    const text = textOf(resource);
    if (text === newest?.text) return;
    // A removed cluster stays in SotW sets, and what is held stands in them as it was (M3, section 5).
    if (whole && (this.sent.get(name) === version || this.interest.cache.get(name)?.version === version)) return;
    if (whole && newest === undefined && this.everSent.has(`${name} ${version}`)) return;
    // Who comes back is believed to hold the set whose version it says (section 5, point 5).
    if (whole && newest === undefined && this.isOfUnknownHoldings && this.interest.ackedSet.get(name) === version)
      return;
    if (newest !== undefined && this.#isBarred(newest, moment)) {
      // M4, X90: what stands for something missing may be the last form that the client took, or there is none.
      const isTaken = this.accepted.has(name) && !this.everSent.has(`${name} ${version}`);
      if (text === undefined && isTaken) fail(`INV7 nothing in place of ${name}`);
      return;
    }
    // M1: what the client holds in no form may come from the view whose clusters were sent.
    if (!this.accepted.has(name) && text !== undefined && moment.atClusters?.get(key)?.text === text) return;
    // X69: who asks for what is on its way out, or may not have taken it, is told what it is.
    // X69 while the newest form waits for its clusters: what stands there until then.
    const isHeldBack = newest?.references.some((to) => to.typeUrl === clusterType);
    const isHeld = this.interest.cache.get(name)?.version === version;
    const stands = isHeld || this.sent.get(name) === version || this.accepted.get(name) === version;
    if (isHeldBack === true && this.excused.has(name) && stands) return;
    // What it holds after a NACK is uncertain, so that it is told again what stands there.
    if (isHeldBack === true && !this.acked.has(name) && this.everSent.has(`${name} ${version}`)) return;
    const mayLack = this.excused.has(name) || !this.acked.has(name);
    const isKnown = this.everSent.has(`${name} ${version}`) || this.everAcked.has(`${name} ${version}`);
    if (newest === undefined && mayLack && isKnown) return;
    fail(`INV7 X93 ${name} is not from the newest view, which has ${newest?.text}`);
  }

  /** Newest content that must not be sent: bad for every client, so refused by now or soon, or quarantined. */
  #isBarred(item: Item, moment: Moment): boolean {
    return item.bad || moment.isQuarantined(keyOf(item.typeUrl, item.name), item.text);
  }

  #note({ resources, removed, nonce, ttl }: Plan, whole: boolean): void {
    if (whole) {
      this.sent.clear();
      this.asked.clear();
    }
    for (const { name, version } of resources) {
      this.sent.set(name, version);
      this.everSent.add(`${name} ${version}`);
      this.#doubtful.delete(name);
      // Without content it answers nobody.
      if (ttl === 'heartbeat') continue;
      this.excused.delete(name);
      this.asked.delete(name);
    }
    for (const name of removed) {
      this.sent.delete(name);
      this.excused.delete(name);
      this.asked.delete(name);
    }
    this.answered = true;
    if (nonce === this.handledNonce) throw new Error('INV5 a nonce twice in a row');
  }

  /** What the client makes of a response counts from now on. */
  landed(plan: Plan, taken: readonly Resource[], culprits: readonly Resource[] | undefined): void {
    this.outstanding = undefined;
    this.handledNonce = plan.nonce;
    if (culprits === undefined) {
      for (const { name, version } of taken) {
        this.acked.set(name, version);
        this.everAcked.add(`${name} ${version}`);
        this.accepted.set(name, version);
      }
      for (const name of plan.removed) this.accepted.delete(name);
      for (const name of plan.removed) if (this.interest.wants(name)) this.acked.set(name, 'gone');
      this.#ackedSet = setOf(plan);
      return;
    }
    for (const { name, version } of culprits) this.refused.add(`${name} ${version}`);
    // What stood beside the culprits was taken, or may have been, which nobody can tell: it may stay, whatever an equal client says later.
    const beside = culprits.length === 0 ? taken : plan.resources.filter((resource) => !culprits.includes(resource));
    for (const { name, version } of beside) {
      this.everAcked.add(`${name} ${version}`);
      if (culprits.length > 0) this.#spared.add(`${name} ${version}`);
    }
    for (const name of [...plan.resources.map((resource) => resource.name), ...plan.removed]) this.acked.delete(name);
    this.#ackedSet = undefined;
  }
}

function setOf({ resources }: Plan): string {
  return resources
    .map(({ name, version }) => `${name} ${version}`)
    .sort()
    .join();
}
