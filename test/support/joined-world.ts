import type { JoinCredential } from '../../src/registry/join-claims.ts';
import type { JoinedProxies } from '../../src/registry/joined-proxies.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { fakeClock } from './fake-clock.ts';
import { memoryStore } from './memory-store.ts';
import { settings } from './registry-values.ts';

export const credential: JoinCredential = {
  tokenId: '9f2',
  namespace: 'shop',
  serviceAccount: 'reviews',
  service: 'reviews',
};
export const node = (name: string, inbound = 21_001, weft: object = {}) => ({
  id: `${name}.shop`,
  envoyVersion: '1.40.0',
  weft: { service: 'reviews', namespace: 'shop', ports: [{ name: 'http', port: 9080, inbound }], ...weft },
});
export const local = (id: string) => ({ id, peerAddress: '127.0.0.1' });
export const ids = (joined: JoinedProxies) => [...joined.workloads.get().keys()];

export function setUp(store = memoryStore(), clock = fakeClock()) {
  return { store, clock, joined: createJoinedProxies({ settings, clock, store }) };
}
