import type { Seal } from '../../src/xds/plan.ts';
import type { World } from '../../src/xds/stream-state.ts';

/** Gives every response of a stream the next number; what it looks like on the wire nobody asks. */
export const countingSeal: Seal = (content, after) => ({
  number: after + 1,
  nonce: `n${after + 1}`,
  content,
  frame: () => new Uint8Array(),
});

/** Nobody refused anything. */
export const noQuarantine: World['quarantine'] = { epoch: 0, added: 0, withholds: () => false, find: () => undefined };
