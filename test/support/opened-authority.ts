import { openAuthority } from '../../src/ca/authority.ts';
import { Failure } from '../../src/model/failure.ts';
import { createJumpingClock } from './jumping-clock.ts';
import { memoryStore } from './memory-store.ts';

export const hour = 3_600_000;
export const day = 24 * hour;
export const trustDomain = 'demo.mesh';
export const reviews = { trustDomain, namespace: 'shop', serviceAccount: 'reviews' };
export const payments = { trustDomain, namespace: 'shop', serviceAccount: 'payments' };

export async function openedAuthority(
  store = memoryStore(),
  clock = createJumpingClock(),
  more: { allowShortLives?: boolean } = {},
) {
  return { authority: await openAuthority({ store, clock, trustDomain, ...more }), store, clock };
}
export const failureOf = (run: () => unknown): Failure => {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing failed');
};
