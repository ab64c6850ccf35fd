import type { StateStore } from '../../src/model/state-store.ts';

/** A StateStore that forgets with the process; `content` may be read and damaged by a test. */
export function memoryStore(content: Map<string, Uint8Array> = new Map()): StateStore & { content: typeof content } {
  return {
    content,
    read: async (key) => content.get(key)?.slice(),
    write: async (key, value) => {
      content.set(key, value.slice());
    },
    delete: async (key) => {
      content.delete(key);
    },
    list: async (prefix) => [...content.keys()].filter((key) => key.startsWith(prefix)).sort(),
  };
}
