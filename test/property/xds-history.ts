import fc from 'fast-check';
import type { Resource } from '../../src/xds/resource.ts';
import type { World } from '../../src/xds/stream-state.ts';
import { type Change, hasStar, isServed, isWhole, textOf } from './xds-client-model.ts';
import {
  anyIntent,
  anyTweak,
  Instance,
  type Intent,
  type Item,
  itemsOf,
  keyOf,
  meshTypes,
  namesOfType,
  resourceOf,
  slots,
  type Tweak,
  tweaked,
} from './xds-mesh.ts';
import { Model } from './xds-model.ts';
import type { ClientKind, Surroundings } from './xds-serving.ts';

/** A step of a history. `type` counts in `meshTypes`; `whim` and `pick` choose among what there is at that moment. */
export type Command =
  | { readonly kind: 'replace'; readonly intent: Intent; readonly fresh: boolean }
  | { readonly kind: 'tweak'; readonly tweaks: readonly Tweak[] }
  | { readonly kind: 'change'; readonly type: number; readonly ask: Ask; readonly nonce: '' | 'last' | 'bogus' }
  | { readonly kind: 'answer'; readonly type: number; readonly whim: number; readonly ask: Ask | undefined }
  | { readonly kind: 'stale'; readonly type: number }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'quarantine'; readonly slot: number; readonly withGood: boolean }
  | { readonly kind: 'release' }
  | { readonly kind: 'disconnect' }
  | { readonly kind: 'connect'; readonly instance: number; readonly plain: boolean };

/** A change of interest: `pick` is the wildcard where the type has one and it is beyond the names. */
export interface Ask {
  readonly add: boolean;
  readonly pick: number;
}

const type = fc.nat(meshTypes.length - 1);
const ask: fc.Arbitrary<Ask> = fc.record({ add: fc.boolean(), pick: fc.nat(3) });
const maybeAsk = fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, ask);

/** Commands about one client, or about all. */
export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('replace' as const), intent: anyIntent, fresh: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('tweak' as const),
      tweaks: fc.array(anyTweak, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    // More than a layer remembers, before the stream has a look: its history is lost.
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('tweak' as const),
      tweaks: fc.array(anyTweak, { minLength: 17, maxLength: 24 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      type,
      ask,
      nonce: fc.constantFrom('' as const, 'last' as const, 'bogus' as const),
    }),
  },
  { weight: 14, arbitrary: fc.record({ kind: fc.constant('answer' as const), type, whim: fc.nat(15), ask: maybeAsk }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stale' as const), type }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(100, 1_000, 4_000, 6_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('quarantine' as const),
      slot: fc.nat(slots.length - 1),
      withGood: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Command>({ kind: 'release' }, { kind: 'disconnect' }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('connect' as const), instance: fc.nat(1), plain: fc.boolean() }),
  },
);

/** What a client asks for before its first stream, bit by bit over the slots. */
export const anyInterest: fc.Arbitrary<number> = fc.nat(2 ** slots.length - 1);

/** Two control planes, what they want, and the clients of a history: one of each variant, all told the same. */
export class History implements Surroundings {
  readonly instances = [new Instance(0), new Instance(1)];
  readonly models: readonly Model[];
  readonly refusedElsewhere = new Map<string, Resource | undefined>();
  intent: Intent;
  items: ReadonlyMap<string, Item> = new Map();
  epoch = 0;
  #steps = 0;
  /** Earlier content by key, for a good form to fall back to. */
  readonly #before = new Map<string, Item>();

  constructor(intent: Intent, interest: number, clients: readonly ClientKind[]) {
    this.intent = intent;
    this.#apply(intent, 'whole');
    this.models = clients.map((kind) => new Model(kind, intent.timed !== 0, this));
    for (const model of this.models) {
      // LDS and CDS begin as Envoy's do: with everything.
      for (const [index, { typeUrl, name }] of slots.entries())
        if (((interest >> index) & 1) === 1 && !isWhole(typeUrl)) model.interest(typeUrl).names.add(name);
      model.connect(0, true);
    }
  }

  get quarantine(): World['quarantine'] {
    const find = (resource: Resource) => {
      const key = `${keyOf(resource.typeUrl, resource.name)} ${textOf(resource)}`;
      return this.refusedElsewhere.has(key) ? { good: this.refusedElsewhere.get(key) } : undefined;
    };
    return {
      epoch: this.epoch,
      added: this.refusedElsewhere.size,
      withholds: () => this.refusedElsewhere.size > 0,
      find,
    };
  }

  #apply(intent: Intent, how: 'whole' | 'small' | 'fresh'): void {
    for (const [key, item] of this.items) this.#before.set(key, item);
    // A TTL belongs to a kind of resource, so it does not come and go with the content.
    this.intent = { ...intent, timed: this.intent.timed };
    this.items = itemsOf(this.intent);
    for (const instance of this.instances) instance.apply(this.items, how);
  }

  run(command: Command): void {
    switch (command.kind) {
      case 'replace':
        this.#apply(command.intent, command.fresh ? 'fresh' : 'whole');
        break;
      case 'tweak':
        for (const tweak of command.tweaks) this.#apply(tweaked(this.intent, tweak), 'small');
        break;
      case 'quarantine': {
        const { typeUrl, name } = slots[command.slot] ?? { typeUrl: '', name: '' };
        const item = this.items.get(keyOf(typeUrl, name));
        const good = this.#before.get(keyOf(typeUrl, name));
        if (item === undefined) return;
        const isUsable = command.withGood && good !== undefined && !good.bad && good.text !== item.text;
        // What an equal client took is refused by no equal client.
        const isTaken = isUsable && !this.refusedElsewhere.has(`${keyOf(typeUrl, name)} ${good.text}`);
        this.refusedElsewhere.set(`${keyOf(typeUrl, name)} ${item.text}`, isTaken ? resourceOf(good) : undefined);
        break;
      }
      case 'release':
        this.release();
        break;
      default:
        this.#steps += 1;
        this.each((model) => {
          if (!model.kind.isLazy || this.#steps % 3 !== 0) oneClient(model, command);
        });
        return;
    }
    const wanted = [...this.items.values()].map(({ typeUrl, text }) => keyOf(typeUrl, text));
    this.each((model) => model.note(() => `mesh: ${wanted.join(' ')}`));
    this.each((model) => model.drain());
  }

  release(): void {
    this.refusedElsewhere.clear();
    this.epoch += 1;
  }

  /** Acts on each client; what fails bears the name of the client. */
  each(act: (model: Model) => void): void {
    for (const model of this.models) {
      try {
        act(model);
      } catch (error) {
        throw new Error(`${model.label}: ${error instanceof Error ? error.message : error}${model.transcript}`, {
          cause: error,
        });
      }
    }
  }
}

type OfOne = Extract<Command, { readonly kind: 'change' | 'answer' | 'stale' | 'wait' | 'disconnect' | 'connect' }>;

function oneClient(model: Model, command: OfOne): void {
  if ('type' in command && !isServed(meshTypes[command.type] ?? '', model.variant)) return;
  switch (command.kind) {
    case 'change': {
      const typeUrl = meshTypes[command.type] ?? '';
      const last = model.ledgers.get(typeUrl)?.handledNonce ?? '';
      model.change(typeUrl, changeOf(typeUrl, command.ask), command.nonce === 'last' ? last : command.nonce);
      return;
    }
    case 'answer': {
      const typeUrl = meshTypes[command.type] ?? '';
      model.answer(typeUrl, command.whim, command.ask && changeOf(typeUrl, command.ask));
      return;
    }
    case 'stale':
      model.stale(meshTypes[command.type] ?? '');
      return;
    case 'wait':
      model.wait(command.milliseconds);
      return;
    case 'disconnect':
      model.disconnect();
      return;
    case 'connect':
      model.connect(command.instance, command.plain);
      return;
    default:
      command satisfies never;
  }
}

function changeOf(typeUrl: string, { add, pick }: Ask): Change {
  const names = namesOfType(typeUrl);
  const name = hasStar(typeUrl) && pick >= names.length ? '*' : (names[pick % names.length] ?? '');
  return add ? { subscribe: [name], unsubscribe: [] } : { subscribe: [], unsubscribe: [name] };
}
