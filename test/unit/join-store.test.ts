import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { heldOf, openJoinStore } from '../../src/ca/join-store.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const join = { tokenId: 't', nodeId: 'a-1.shop', keyHash: 'k' };
const certificate = (serial: string, notAfter: number) => ({ serial, notAfter });

describe('the joins of proxies that keep their keys', () => {
  test('every certificate of the authority is found by the serial that TLS shows, high bits and zeros in front or not', async () => {
    const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
    const joins = await openJoinStore({ store: memoryStore(), clock: systemClock });
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'a' };
    for (let index = 0; index < 64; index += 1) {
      const svid = authority.sign(identity, publicKey);
      const made = await joins.add({ ...join, nodeId: `a-${index}.shop` }, svid);
      expect(joins.bySerial(new X509Certificate(svid.certificateChain).serialNumber)).toBe(made);
    }
    authority.dispose();
  });

  test('are known after a restart, with each certificate that has not ended, and forgotten with the last', async () => {
    const [store, clock] = [memoryStore(), fakeClock()];
    const first = await openJoinStore({ store, clock });
    const made = await first.add(join, certificate('00a1', clock.now() + 1_000));
    await first.renewed(made.id, certificate('b2', clock.now() + 3_000));
    const again = await openJoinStore({ store, clock });
    expect([again.bySerial('a1')?.nodeId, again.bySerial('B2')?.nodeId]).toEqual(['a-1.shop', 'a-1.shop']);
    expect(again.of(join)).toMatchObject([{ ...join, id: made.id }]);
    expect(again.of({ ...join, tokenId: 'another' })).toEqual([]);
    clock.advance(2_000);
    await again.renewed(made.id, certificate('c3', clock.now() + 3_000));
    expect([again.bySerial('a1'), again.bySerial('b2')?.id]).toEqual([undefined, made.id]);
    clock.advance(5_000);
    expect((await openJoinStore({ store, clock })).list()).toEqual([]);
    expect(await store.list('joins/')).toEqual([]);
  });

  test('what proxies hold is told after a restart as before; under a former name of the domain it is not', async () => {
    const [store, clock] = [memoryStore(), fakeClock()];
    const authority = await openAuthority({ store: memoryStore(), clock, trustDomain: 'demo.mesh' });
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'a' };
    const svids = createSvidSource({ authority, clock });
    const first = await openJoinStore({ store, clock });
    const made = await first.add(join, svids.issue(identity, publicKey, join.nodeId));
    clock.advance(1_000);
    const newest = svids.issue(identity, publicKey, join.nodeId);
    await first.renewed(made.id, newest);
    await first.add({ ...join, nodeId: 'old-1.shop' }, certificate('a1', clock.now() + 9_000));
    const again = await openJoinStore({ store, clock });
    const before = heldOf(again.list(), 'demo.mesh', clock.now());
    const signed = createSvidSource({ authority, clock, before }).signed();
    const { spiffeId, serial, notBefore, notAfter, renewAt, root } = newest;
    expect([...signed]).toEqual([['a-1.shop', { spiffeId, serial, notBefore, notAfter, renewAt, root }]]);
    expect(heldOf(again.list(), 'shop.mesh', clock.now()).size).toBe(0);
    clock.advance(48 * 3_600_000);
    expect(heldOf(again.list(), 'demo.mesh', clock.now()).size).toBe(0);
    authority.dispose();
  });

  test('a damaged record stops the start: a credential is never guessed', async () => {
    const store = memoryStore(new Map([['joins/abc', Buffer.from('{"id":"abc"}')]]));
    await expect(openJoinStore({ store, clock: fakeClock() })).rejects.toMatchObject({ code: 'WEFT0904' });
  });
});
