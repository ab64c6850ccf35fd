import type { Plan } from '../../src/xds/plan.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { stepDelta, stepSotw } from '../../src/xds/stream-state.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { type Change, culpritsOf, Interest, isWhole, react, textOf } from './xds-client-model.ts';
import { Ledger, type Moment } from './xds-ledger.ts';
import { keyOf, meshTypes } from './xds-mesh.ts';
import { Order } from './xds-order.ts';
import { type ClientKind, Serving, type Stream, type Surroundings } from './xds-serving.ts';

/** A client of one variant and the streams that serve it; every response is checked as it is made. */
export class Model {
  readonly kind: ClientKind;
  readonly variant: Variant;
  readonly aggregated: boolean;
  readonly world: Surroundings;
  now = 0;
  wake = Number.POSITIVE_INFINITY;
  online = false;
  readonly interests: ReadonlyMap<string, Interest>;
  readonly ledgers = new Map<string, Ledger>();
  readonly #serving: Serving;
  /** Responses without heartbeats, ever: two equal readings mean silence. */
  responses = 0;
  heartbeats = 0;
  /** X108: when a resource with a TTL was heard of last. */
  readonly heard = new Map<string, number>();
  /** What was sent on these streams with a reference to a name: by that name, as key, type and name. */
  readonly referrers = new Map<string, Map<string, readonly [string, string]>>();
  /** What was said, for the text of a failure: formed only there. */
  readonly #said: (() => string)[] = [];
  readonly order = new Order(this);

  constructor(kind: ClientKind, ttl: boolean, world: Surroundings) {
    this.kind = kind;
    this.variant = kind.variant;
    this.interests = new Map(meshTypes.map((typeUrl) => [typeUrl, new Interest(typeUrl, kind.variant)]));
    this.aggregated = kind.aggregated;
    this.world = world;
    this.#serving = new Serving(kind, ttl, world, (stream, plan, generation) => this.#check(stream, plan, generation));
  }

  get label(): string {
    return `${this.variant} ${this.aggregated ? 'aggregated' : 'separate'}${this.kind.isLazy ? ' lazy' : ''}`;
  }

  get streams(): readonly Stream[] {
    return this.#serving.all;
  }

  interest(typeUrl: string): Interest {
    return this.interests.get(typeUrl) ?? this.#unknown(typeUrl);
  }

  ledger(typeUrl: string): Ledger {
    return this.ledgers.get(typeUrl) ?? this.#unknown(typeUrl);
  }

  #unknown(typeUrl: string): never {
    throw new Error(`the model has no type ${typeUrl}`);
  }

  /** The conversation as it went. */
  get transcript(): string {
    return this.#said.map((line) => `\n  ${line()}`).join('');
  }

  note(line: () => string): void {
    this.#said.push(line);
  }

  disconnect(): void {
    this.online = false;
    this.ledgers.clear();
    this.#serving.begin(undefined);
  }

  /** Opens all streams anew. `plain`: wildcards are said by silence, and types without interest are opened too. */
  connect(instance: number, plain: boolean): void {
    this.online = true;
    this.ledgers.clear();
    this.#forgetUnsaid();
    for (const typeUrl of meshTypes) this.ledgers.set(typeUrl, new Ledger(this.interest(typeUrl)));
    this.#serving.begin(instance);
    this.order.begin();
    this.referrers.clear();
    for (const typeUrl of meshTypes)
      if (plain ? !this.#isSilent(typeUrl) : !this.interest(typeUrl).isEmpty) this.#open(typeUrl, plain);
  }

  /**
   * Decision 20: a SotW client that comes without a version counts as new, though it may have taken a part of a set that it refused. So the
   * clients here are new then.
   */
  #forgetUnsaid(): void {
    if (this.variant === 'delta') return;
    for (const [typeUrl, interest] of this.interests)
      if (isWhole(typeUrl) && interest.ackedVersion === '') interest.cache.clear();
  }

  /** An empty list of a whole type would mean everything, so a client that wants nothing says nothing. */
  #isSilent(typeUrl: string): boolean {
    return isWhole(typeUrl) && this.interest(typeUrl).isEmpty;
  }

  #open(typeUrl: string, plain: boolean): void {
    const interest = this.interest(typeUrl);
    const ledger = this.ledger(typeUrl);
    const names = interest.list(plain);
    ledger.opened = true;
    ledger.isOfUnknownHoldings = this.variant === 'sotw' && interest.ackedVersion !== '';
    interest.everNamed = false;
    const told =
      this.variant === 'delta'
        ? new Map([...interest.cache].map(([name, { version }]) => [name, version]))
        : new Map<string, string>();
    ledger.told(told);
    if (this.variant === 'delta') this.#sendDelta(typeUrl, '', undefined, { subscribe: names, unsubscribe: [] }, told);
    else this.#sendSotw(typeUrl, '', undefined, names);
  }

  #sendDelta(
    typeUrl: string,
    nonce: string,
    error: string | undefined,
    change: Change,
    initialVersions: ReadonlyMap<string, string> = new Map(),
  ): void {
    const stream = this.#serving.of(typeUrl);
    const told = [...initialVersions.keys()];
    this.note(
      () =>
        `${this.now} → ${keyOf(typeUrl, nonce)} ${error ?? ''} +[${change.subscribe}] -[${change.unsubscribe}] has [${told}]`,
    );
    stream.state = stepDelta(stream.state, typeUrl, { nonce, error, ...change, initialVersions }, this.now);
    this.drain();
  }

  #sendSotw(typeUrl: string, nonce: string, error: string | undefined, names: readonly string[]): void {
    const stream = this.#serving.of(typeUrl);
    const interest = this.interest(typeUrl);
    const version = interest.ackedVersion;
    interest.everNamed ||= names.length > 0;
    this.note(() => `${this.now} → ${keyOf(typeUrl, nonce)} ${error ?? ''} [${names}] version ${version}`);
    const before = this.responses + this.heartbeats;
    const { state, stale } = stepSotw(stream.state, typeUrl, { nonce, version, error, names }, this.now);
    stream.state = state;
    const outdated = nonce !== '' && this.ledger(typeUrl).outstanding !== undefined;
    if (outdated !== stale) throw new Error('INV3 a request is taken for a stale one, or a stale one is not');
    if (!stale) this.drain();
    else if (this.responses + this.heartbeats !== before) throw new Error('INV3 a stale request was answered');
  }

  /** Lets the server say all that it has to say. */
  drain(): void {
    for (const ledger of this.ledgers.values()) ledger.forgive(this.world.items);
    this.wake = this.#serving.drain(this.now);
  }

  #check(stream: Stream, plan: Plan, generation: number): void {
    const { typeUrl, nonce, ttl, resources } = plan;
    this.note(
      () => `${this.now} ← ${keyOf(typeUrl, nonce)} ${resources.map(saidOf).join(' ')} -[${plan.removed}] ${ttl}`,
    );
    if (stream.nonces.has(nonce)) throw new Error('INV5 a nonce twice on one stream');
    stream.nonces.add(nonce);
    if (this.variant === 'delta' && ttl !== 'heartbeat') {
      if (plan.version !== String(generation) || generation < stream.generation)
        throw new Error('INV7 the generation goes back');
      stream.generation = generation;
    }
    if (ttl === 'heartbeat') this.heartbeats += 1;
    else this.responses += 1;
    const ledger = this.ledger(typeUrl);
    const isOrdered = this.aggregated && ttl !== 'heartbeat';
    if (isOrdered) this.order.checkBreaks(plan);
    ledger.check(plan, this.#moment());
    ledger.outstanding = plan;
    for (const { name, references } of resources)
      for (const to of references) {
        const key = keyOf(to.typeUrl, to.name);
        const from = this.referrers.get(key) ?? new Map<string, readonly [string, string]>();
        this.referrers.set(key, from.set(keyOf(typeUrl, name), [typeUrl, name]));
      }
    for (const resource of resources)
      if (resource.ttl !== undefined) this.heard.set(keyOf(typeUrl, resource.name), this.now);
    if (isOrdered) this.order.follow(plan);
  }

  #moment(): Moment {
    const { items, refusedElsewhere } = this.world;
    return {
      items,
      atClusters: this.order.atClusters,
      isQuarantined: (key, text) => refusedElsewhere.has(`${key} ${text}`),
    };
  }

  /** Whether something that the client holds refers to it; `acked`: on this stream. */
  isReferredTo(typeUrl: string, name: string, acked = false): boolean {
    for (const [from, { cache }] of this.interests)
      for (const [holder, { references, version }] of cache)
        if (references.some((to) => to.typeUrl === typeUrl && to.name === name))
          if (!acked || this.isAccepted(from, holder, version)) return true;
    return false;
  }

  /** Whether it came on this stream and was accepted. */
  isAccepted(typeUrl: string, name: string, version: string): boolean {
    return this.ledgers.get(typeUrl)?.accepted.get(name) === version;
  }

  /** The client handles what it was sent of a type; it may change what it asks for in the same request (X39, X81). */
  answer(typeUrl: string, whim: number, change?: Change): void {
    const ledger = this.ledgers.get(typeUrl);
    const plan = ledger?.outstanding;
    if (!this.online || ledger === undefined || plan === undefined) return;
    const reaction =
      plan.ttl === 'heartbeat' ? { error: undefined, applied: [], removed: [], setApplied: true } : react(plan, whim);
    const { error } = reaction;
    const interest = this.interest(typeUrl);
    const culprits = error === undefined ? undefined : culpritsOf(plan, error, ledger.known);
    const taken = interest.take(plan, reaction);
    if (plan.ttl !== 'heartbeat' || error !== undefined) ledger.landed(plan, taken, culprits);
    ledger.outstanding = undefined;
    ledger.handledNonce = plan.nonce;
    if (error === undefined) {
      interest.ackedVersion = plan.version;
      interest.ackedSet = new Map(plan.resources.map(({ name, version }) => [name, version]));
      ledger.isOfUnknownHoldings = false;
    } else if (typeUrl === clusterType) this.order.refused(plan, culprits ?? []);
    if (this.aggregated) this.order.checkReferences();
    this.#say(typeUrl, plan.nonce, error, change ?? { subscribe: [], unsubscribe: [] });
    // What it did not want when it came is not held, though the same request asks for it again: that is no version to come back with.
    if (plan.ttl !== 'heartbeat' && error === undefined && taken.length < plan.resources.length)
      interest.ackedVersion = '';
  }

  /** The client changes what it asks for; `nonce` is what a delta client happens to put there. */
  change(typeUrl: string, change: Change, nonce: string): void {
    this.#say(
      typeUrl,
      this.variant === 'sotw' ? (this.ledgers.get(typeUrl)?.handledNonce ?? '') : nonce,
      undefined,
      change,
    );
  }

  #say(typeUrl: string, nonce: string, error: string | undefined, change: Change): void {
    const interest = this.interest(typeUrl);
    const { subscribe, unsubscribe } = this.#effective(interest, change);
    const isChange = subscribe.length + unsubscribe.length > 0;
    // X48: a SotW client that never named anything has to name the wildcard before it can give it up.
    const isUnsaid = this.variant === 'sotw' && unsubscribe.includes('*') && !interest.everNamed;
    if (isUnsaid && this.ledgers.get(typeUrl)?.opened === true) this.#sendSotw(typeUrl, nonce, error, ['*']);
    if (isChange) {
      interest.change({ subscribe, unsubscribe }, this.variant);
      this.order.changed(typeUrl, { subscribe, unsubscribe });
    }
    if (!this.online) return;
    const ledger = this.ledger(typeUrl);
    if (!ledger.opened) {
      if (!interest.isEmpty) this.#open(typeUrl, false);
      return;
    }
    if (isChange) ledger.changed(subscribe, unsubscribe);
    if (this.variant === 'delta') this.#sendDelta(typeUrl, nonce, error, { subscribe, unsubscribe });
    else this.#sendSotw(typeUrl, nonce, error, interest.list(!interest.everNamed));
  }

  /** A client does not begin a wildcard twice, and a SotW client cannot ask twice. */
  #effective(interest: Interest, { subscribe, unsubscribe }: Change): Change {
    const isNew = (name: string) =>
      name === '*' ? !interest.wildcard : this.variant === 'delta' || !interest.names.has(name);
    const isKnown = (name: string) =>
      name === '*' ? interest.wildcard : this.variant === 'delta' || interest.names.has(name);
    return { subscribe: subscribe.filter(isNew), unsubscribe: unsubscribe.filter(isKnown) };
  }

  /** INV3: a SotW request with a nonce of another life is not answered. */
  stale(typeUrl: string): void {
    const ledger = this.ledgers.get(typeUrl);
    if (!this.online || this.variant === 'delta' || ledger?.answered !== true) return;
    const stream = this.#serving.of(typeUrl);
    const interest = this.interest(typeUrl);
    const request = {
      nonce: 'of another life',
      version: '',
      error: undefined,
      names: interest.list(!interest.everNamed),
    };
    const { state, stale } = stepSotw(stream.state, typeUrl, request, this.now);
    stream.state = state;
    if (!stale) throw new Error('INV3 a stale request is taken for a current one');
  }

  wait(milliseconds: number): void {
    this.now += milliseconds;
    this.drain();
  }
}

function saidOf(resource: Resource): string {
  return `${resource.name}=${textOf(resource)}`;
}
