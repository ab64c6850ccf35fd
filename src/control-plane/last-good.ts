import type { StateStore } from '../model/state-store.ts';
import type { HeldNamespace } from '../model/status.ts';

/** Which commits are served: one, and in it namespaces of earlier ones. */
export interface Served {
  readonly commit: string;
  readonly held: readonly HeldNamespace[];
  /** It was taken before anybody had ever joined (decision 47). */
  readonly isUnjudged: boolean;
}

const key = 'policy/last-good';

/** What is served, over a restart (F13): the commit's id as a text, or `{"commit":…,"held":[…],"unjudged":true}`. Of uncommitted edits, the commit before. */
export function createLastGood(store: StateStore): {
  read(): Promise<Served | undefined>;
  write(served: Served): Promise<void>;
} {
  return {
    async read() {
      const bytes = await store.read(key);
      return bytes && parse(new TextDecoder().decode(bytes));
    },
    async write({ commit, held, isUnjudged }) {
      const kept = held.map((one) => (one.commit === undefined ? one : { ...one, commit: committed(one.commit) }));
      const isPlain = kept.length === 0 && !isUnjudged;
      const whole = { commit: committed(commit), held: kept, ...(isUnjudged && { unjudged: true }) };
      const text = isPlain ? whole.commit : JSON.stringify(whole);
      await store.write(key, new TextEncoder().encode(text));
    },
  };
}

function committed(commit: string): string {
  return commit.replace(/\+edits$/, '');
}

/** Undefined for what nobody here has written. */
function parse(text: string): Served | undefined {
  if (!text.startsWith('{')) return { commit: text, held: [], isUnjudged: false };
  try {
    const { commit, held, unjudged } = JSON.parse(text) as {
      readonly commit?: unknown;
      readonly held?: unknown;
      readonly unjudged?: unknown;
    };
    if (typeof commit !== 'string' || !Array.isArray(held)) return undefined;
    return {
      commit,
      isUnjudged: unjudged === true,
      held: held.flatMap((one: { readonly namespace?: unknown; readonly commit?: unknown }) => {
        if (typeof one.namespace !== 'string') return [];
        return [{ namespace: one.namespace, ...(typeof one.commit === 'string' && { commit: one.commit }) }];
      }),
    };
  } catch {
    return undefined;
  }
}
