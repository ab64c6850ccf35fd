import { describe, expect, it } from 'vitest';
import { readCertificates } from '../../src/ca/certificate.ts';
import { createServerCertificateSource, createSvidSource } from '../../src/ca/svid-source.ts';
import { Failure } from '../../src/model/failure.ts';
import { failureOf, hour, openedAuthority, payments, reviews } from '../support/opened-authority.ts';

describe('SVID source', () => {
  it('shares one SVID by identity, renews it for all watchers, and forgets it a minute after the last', async () => {
    const { authority, clock } = await openedAuthority();
    const timers = clock.pending();
    const source = createSvidSource({ authority, clock, random: () => 0.5 });
    const seen: string[] = [];
    const first = source.subscribe(reviews, (svid) => seen.push(`a ${svid.serial}`));
    const second = source.subscribe(reviews, (svid) => seen.push(`b ${svid.serial}`));
    const [svid, other] = [source.get(reviews), source.get(payments)];
    expect(source.get({ ...reviews })).toBe(svid);
    expect(other.spiffeId).toBe('spiffe://demo.mesh/ns/shop/sa/payments');
    expect(seen).toEqual([]);
    expect(source.renewsAt(reviews)).toBe(clock.now() + 12 * hour);
    expect(source.renewsAt({ ...reviews, namespace: 'other' })).toBeUndefined();
    clock.advance(12 * hour - 1);
    expect(source.get(reviews)).toBe(svid);
    expect(source.held()).toEqual(['spiffe://demo.mesh/ns/shop/sa/reviews']);
    clock.advance(2);
    const renewed = source.get(reviews);
    expect(renewed.privateKey.expose()).not.toBe(svid.privateKey.expose());
    expect(seen).toEqual([`a ${renewed.serial}`, `b ${renewed.serial}`]);
    first();
    first();
    clock.advance(61_000);
    expect(source.get(reviews)).toBe(renewed);
    second();
    clock.advance(30_000);
    const back = source.subscribe(reviews, () => undefined);
    clock.advance(60_000);
    expect(source.get(reviews)).toBe(renewed);
    back();
    clock.advance(60_000);
    expect(source.held()).toEqual([]);
    expect(clock.pending()).toBe(timers);
  });

  it('serves on while nothing can be issued, tries again, and never serves an expired one (E13)', async () => {
    const { authority, clock } = await openedAuthority();
    let broken = false;
    let tries = 0;
    const issue: typeof authority.issue = (identity, options) => {
      tries += 1;
      if (broken) throw new Failure('WEFT0909', 'no certificate can be issued: a test', 'wait');
      return authority.issue(identity, options);
    };
    const source = createSvidSource({ authority: { ...authority, issue }, clock, ttl: 600_000, random: () => 0.5 });
    source.subscribe(reviews, () => undefined);
    const svid = source.get(reviews);
    broken = true;
    clock.advance(590_000);
    expect(source.get(reviews)).toBe(svid);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(100);
    clock.advance(20_000);
    expect(failureOf(() => source.get(reviews)).code).toBe('WEFT0909');
    broken = false;
    clock.advance(2_000);
    expect(source.get(reviews).notAfter).toBeGreaterThan(clock.now());
  });

  it('gives the server a certificate that renews itself', async () => {
    const { authority, clock } = await openedAuthority();
    const names = { dnsNames: [], ipAddresses: [] };
    const source = createServerCertificateSource({ authority, clock, names, random: () => 0.5 });
    const first = source.get();
    let told = 0;
    source.watch(() => {
      told += 1;
    });
    clock.advance(13 * hour);
    expect(source.get().serial).not.toBe(first.serial);
    expect(told).toBe(1);
    source.dispose();
    expect(readCertificates(source.get().certificateChain)).toHaveLength(3);
  });
});
