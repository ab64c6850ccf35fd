import type { Seal } from '../../src/xds/plan.ts';
import type { World } from '../../src/xds/stream-state.ts';

/** Gives every response of a stream the next number. */
export const countingSeal: Seal = ({ resources }, after) => ({ number: after + 1, nonce: `n${after + 1}`, resources });

/** Nobody refused anything. */
export const noQuarantine: World['quarantine'] = { epoch: 0, added: 0, withholds: () => false, find: () => undefined };
