import type { Subscription } from '../../src/xds/subscription.ts';
import { subscriptionOf } from '../../src/xds/subscription-of.ts';
import { ScriptedClient, type TypeName, types } from './xds-scripted-client.ts';

/** As Envoy says that a field of some cluster or listener cannot be read: nothing of the set is applied, and nobody is named. */
export const nobodyNamed = 'Invalid duration: Expected positive duration: goo.gle/debugonly  \nseconds: -1\n';

/** A SotW client of one type that takes a set or refuses it as a whole, by default where a word of it ends in `bad`. */
export class RefusingSetClient {
  readonly script = new ScriptedClient('sotw');
  readonly type: TypeName;
  readonly #takes: (words: readonly string[]) => boolean;
  /** Every set that came, as words, and whether it was taken. */
  readonly sets: { readonly words: readonly string[]; readonly taken: boolean }[] = [];

  constructor(type: TypeName, takes = (words: readonly string[]) => !words.some((word) => word.endsWith('bad'))) {
    this.type = type;
    this.#takes = takes;
  }

  get subscription(): Subscription {
    const found = subscriptionOf(this.script.state, types[this.type]);
    if (found === undefined) throw new Error('nothing was asked for');
    return found;
  }

  /** The names of which some content was refused for certain. */
  get convicted(): readonly string[] {
    return [...this.subscription.refused].filter(([, { versions }]) => versions.length > 0).map(([name]) => name);
  }

  /** The last set that was taken. */
  get holds(): readonly string[] {
    return this.sets.findLast(({ taken }) => taken)?.words ?? [];
  }

  /** The mesh is this from now on, until nothing more comes; `meanwhile` is asked before the answer to each set, and may change it. */
  set(words: readonly string[], meanwhile: (count: number) => readonly string[] | undefined = () => undefined): void {
    const told = this.tell(words);
    this.answer(this.sets.length === 0 ? this.script.ask(this.type, []) : told, meanwhile);
  }

  /** The mesh is this from now on; what comes of it is not answered yet. */
  tell(words: readonly string[]): readonly string[] {
    return this.script.set({ [this.type]: words.join(' ') });
  }

  /** Answers what came until nothing more comes; `most`: or so many sets. */
  answer(
    first: readonly string[],
    meanwhile: (count: number) => readonly string[] | undefined = () => undefined,
    most = Number.POSITIVE_INFINITY,
  ): readonly string[] {
    let told = first;
    for (let count = 1; told.length > 0 && count <= most; count += 1) {
      if (count > 200) throw new Error(`no end of sets, the last: ${told}`);
      const set = told.flatMap((line) => line.split(' ').slice(1));
      const taken = this.#takes(set);
      this.sets.push({ words: set, taken });
      const next = meanwhile(count);
      // While a response is in flight nothing is told.
      if (next !== undefined) this.tell(next);
      told = taken ? this.script.ack(this.type) : this.script.nack(this.type, nobodyNamed);
    }
    return told;
  }
}
