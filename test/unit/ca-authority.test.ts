import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { readCertificates, subjectAltNames } from '../../src/ca/certificate.ts';
import { Failure } from '../../src/model/failure.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { day, failureOf, hour, openedAuthority, reviews, trustDomain } from '../support/opened-authority.ts';

describe('authority', () => {
  it('is the same after a restart, and its files are root, root key and issuer', async () => {
    const { authority, store, clock } = await openedAuthority();
    const { root, issuer } = authority.info();
    expect(await store.list('')).toEqual([
      `ca/issuers/${issuer.fingerprint}.pem`,
      `ca/roots/${root.fingerprint}.key`,
      'ca/state.json',
    ]);
    const again = await openedAuthority(store, clock);
    expect(again.authority.bundle.get()).toEqual(authority.bundle.get());
    expect(again.authority.info()).toEqual(authority.info());
    expect(again.authority.info().root.validUntil).toBe(clock.now() + 3_652 * day);
  });

  it('never prints a key', async () => {
    const { authority } = await openedAuthority();
    const svid = authority.issue(reviews);
    expect(JSON.stringify([svid, authority.info(), authority.bundle.get()])).not.toContain('PRIVATE KEY');
    expect(svid.privateKey.expose()).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('gives leaves 24 h, 5 min to 24 h if asked, and shorter ones only to tests', async () => {
    const { authority, store, clock } = await openedAuthority();
    expect(authority.issue(reviews).notAfter - clock.now()).toBe(day);
    expect(authority.issue(reviews, { ttl: 300_000 }).notAfter - clock.now()).toBe(300_000);
    for (const ttl of [0, -1, 299_999, day + 1, Number.NaN]) {
      const failure = failureOf(() => authority.issue(reviews, { ttl }));
      expect([failure.code, failure.hint]).toEqual(['WEFT0909', 'choose a life between 5m and 24h']);
    }
    const short = await openedAuthority(store, clock, { allowShortLives: true });
    expect(short.authority.issue(reviews, { ttl: 10_000 }).notAfter - clock.now()).toBe(10_000);
  });

  it('speaks for its own trust domain only', async () => {
    const { authority, store, clock } = await openedAuthority();
    expect(failureOf(() => authority.issue({ ...reviews, trustDomain: 'other.mesh' })).code).toBe('WEFT0909');
    await expect(openAuthority({ store, clock, trustDomain: 'other.mesh' })).rejects.toMatchObject({
      code: 'WEFT0908',
      message: 'the state dir belongs to trust domain "demo.mesh", this server is set to "other.mesh"',
    });
  });

  it('gives the control plane xds.weft, the names asked for and its root, but no SPIFFE ID (T28)', async () => {
    const { authority } = await openedAuthority();
    const server = authority.issueServer({ dnsNames: ['cp.example', 'xds.weft'], ipAddresses: ['127.0.0.1', '::1'] });
    const chain = readCertificates(server.certificateChain);
    expect(chain).toHaveLength(3);
    expect(chain[2]?.fingerprint).toBe(authority.info().root.fingerprint);
    expect(chain[0] && subjectAltNames(chain[0])).toEqual({
      uris: [],
      dnsNames: ['xds.weft', 'cp.example'],
      ipAddresses: ['7f000001', '00000000000000000000000000000001'],
      others: 0,
    });
  });

  type Content = Map<string, Uint8Array>;
  const keyIn = (content: Content, folder: string) =>
    [...content.keys()].find((key) => key.startsWith(`ca/${folder}/`)) ?? '';
  const swap = (folder: string) => (a: Content, b: Content) =>
    a.set(keyIn(a, folder), b.get(keyIn(b, folder)) ?? Buffer.of());
  const edit = (change: (text: string) => string) => (a: Content) =>
    a.set('ca/state.json', Buffer.from(change(Buffer.from(a.get('ca/state.json') ?? []).toString())));
  const damages: readonly (readonly [string, (content: Content, other: Content) => void, string])[] = [
    ['a root key of another root', swap('roots'), '"ca/roots/'],
    ['an issuer of another root', swap('issuers'), '"ca/issuers/'],
    ['a lost state', (a) => a.delete('ca/state.json'), '"ca/state.json"'],
    ['a lost issuer', (a) => a.delete(keyIn(a, 'issuers')), '"ca/issuers/'],
    ['a state that is cut short', edit((text) => text.slice(0, 300)), '"ca/state.json"'],
    ['a state of another making', edit((text) => text.replace('"steady"', '"prepared"')), '"ca/state.json"'],
    [
      'a root that is cut short',
      edit((text) => text.replace(/(?<=BEGIN CERTIFICATE-----\\n.{40}).{40}/, '')),
      '"ca/state.json"',
    ],
    ['an empty issuer', (a) => a.set(keyIn(a, 'issuers'), Buffer.of()), '"ca/issuers/'],
    [
      'an issuer as root',
      (a) => {
        const [issuer] = readCertificates(Buffer.from(a.get(keyIn(a, 'issuers')) ?? []).toString());
        edit((text) => JSON.stringify({ ...JSON.parse(text), signing: { certificate: issuer?.pem, source: 'made' } }))(
          a,
        );
      },
      '"ca/state.json"',
    ],
    ['a key that is none', (a) => a.set(keyIn(a, 'roots'), Buffer.from('CANARY')), '"ca/roots/'],
  ];
  it.each(damages)('refuses to start with %s', async (_, damage, place) => {
    const [{ store, clock }, other] = [await openedAuthority(), await openedAuthority()];
    damage(store.content, other.store.content);
    const failure = await openAuthority({ store, clock, trustDomain }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'WEFT0908' });
    expect(String(failure)).toContain(place);
    expect(String(failure)).not.toContain('CANARY');
  });

  it('starts anew where a first start was interrupted before its certificate was written', async () => {
    const { store } = await openedAuthority();
    store.content.delete('ca/state.json');
    store.content.delete(keyIn(store.content, 'issuers'));
    const { authority } = await openedAuthority(store);
    expect(await store.list('')).toHaveLength(3);
    authority.issue(reviews);
  });

  it('reads what it wrote before roots could change, once, and leaves nothing of it', async () => {
    const { authority, store, clock } = await openedAuthority();
    const text = (key: string) => store.content.get(key) ?? Buffer.of();
    const old = memoryStore(
      new Map([
        ['ca/root.pem', Buffer.from(authority.bundle.get().roots.join(''))],
        ['ca/root.key', text(keyIn(store.content, 'roots'))],
        ['ca/issuer.pem', text(keyIn(store.content, 'issuers'))],
      ]),
    );
    const again = await openedAuthority(old, clock);
    expect(again.authority.info()).toEqual(authority.info());
    expect([...old.content.keys()].sort()).toEqual([...store.content.keys()].sort());
    const lost = memoryStore(new Map([['ca/issuer.pem', text(keyIn(store.content, 'issuers'))]]));
    await expect(openedAuthority(lost, clock)).rejects.toMatchObject({ code: 'WEFT0908', where: 'ca/root.pem' });
  });

  it('renews the issuer at half-life and saves it; older leaves stay good under the same root', async () => {
    const { authority, store, clock } = await openedAuthority();
    const before = authority.info();
    clock.advance(182 * day);
    expect(authority.info().issuer.fingerprint).toBe(before.issuer.fingerprint);
    clock.advance(day);
    const after = authority.info();
    expect(after.issuer.fingerprint).not.toBe(before.issuer.fingerprint);
    expect(after.root).toEqual(before.root);
    expect(after.alarms).toEqual([]);
    await expect
      .poll(() => [...store.content.keys()].filter((key) => key.startsWith('ca/issuers/')))
      .toEqual([`ca/issuers/${after.issuer.fingerprint}.pem`]);
    expect((await openedAuthority(store, clock)).authority.info().issuer).toEqual(after.issuer);
  });

  it('goes on with an issuer that could not be saved, and says so', async () => {
    const store = memoryStore();
    const clock = createJumpingClock();
    let full = false;
    const write = async (key: string, value: Uint8Array) => {
      if (full) throw new Failure('WEFT0904', 'no space left on the device', 'free some space');
      await store.write(key, value);
    };
    const authority = await openAuthority({ store: { ...store, write }, clock, trustDomain });
    full = true;
    clock.advance(200 * day);
    await expect.poll(() => authority.info().problem).toBe('no space left on the device');
    expect(authority.issue(reviews).notAfter).toBe(clock.now() + day);
  });

  it('without the root key works until the issuer ends, and tells what is missing', async () => {
    const { authority: complete, store, clock } = await openedAuthority();
    complete.dispose();
    store.content.delete(keyIn(store.content, 'roots'));
    const { authority } = await openedAuthority(store, clock);
    expect(authority.info().root.keyPresent).toBe(false);
    clock.advance(200 * day);
    expect(authority.info().problem).toContain('root key is not in the state dir');
    clock.advance(165 * day - hour);
    expect(authority.issue(reviews).notAfter).toBe(clock.now() + hour);
    clock.advance(2 * hour);
    expect(failureOf(() => authority.issue(reviews)).code).toBe('WEFT0909');
    expect(authority.info().problem).toContain('root key');
    await expect(openAuthority({ store, clock, trustDomain })).rejects.toMatchObject({ code: 'WEFT0909' });
  });

  it('alarms 30, 14, 7 and 1 days before the root ends (F11), and nothing outlives it', async () => {
    const { authority, clock } = await openedAuthority();
    const end = authority.info().root.validUntil;
    const alarm = (before: number) => {
      clock.jump(end - before - clock.now());
      return authority.info().root.endsWithinDays;
    };
    expect([31, 30, 15, 14, 8, 7, 2, 1, 0.5].map((days) => alarm(days * day))).toEqual([
      undefined,
      30,
      30,
      14,
      14,
      7,
      7,
      1,
      1,
    ]);
    expect(authority.issue(reviews).notAfter).toBe(end);
    clock.advance(day);
    expect(authority.info().root.endsWithinDays).toBe(0);
    expect(failureOf(() => authority.issue(reviews)).code).toBe('WEFT0909');
  });

  it('says what ends soon in words, from 31 days before to 1 day after, and the repair works when all has ended (F11)', async () => {
    const { authority, store, clock } = await openedAuthority();
    const { root } = authority.info();
    const points = [31, 30, 14, 7, 1, 0.5, 0, -1];
    const said = points.map((days) => {
      clock.jump(root.validUntil - days * day - clock.now());
      // The issuer is renewed by whoever needs it: no timer has run.
      if (days > 0) authority.issue(reviews);
      return authority
        .info()
        .alarms.map(({ code, what, endsWithinDays }) => `${code} ${what} ${endsWithinDays}`)
        .join();
    });
    const alarm = (days: number) => `WEFT0302 root ${days}`;
    expect(said).toEqual(['', alarm(30), alarm(14), alarm(7), alarm(1), alarm(1), alarm(0), alarm(0)]);
    const [ended] = authority.info().alarms;
    expect(ended?.message).toMatch(
      /^the root [0-9a-f]{16} ended at 2036-01-01T00:00:00.000Z: nothing can be signed under it/,
    );
    authority.dispose();
    const refused = await openAuthority({ store, clock, trustDomain }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'WEFT0909', hint: expect.stringContaining('ca.replaceEnded: true') });
    const repaired = await openAuthority({ store, clock, trustDomain, replaceEnded: true });
    expect(repaired.info().root.fingerprint).not.toBe(root.fingerprint);
    expect(repaired.bundle.get().roots).toHaveLength(1);
    expect(repaired.info().alarms).toEqual([]);
    const svid = repaired.issue(reviews);
    expect(svid.notAfter).toBe(clock.now() + day);
    repaired.dispose();
    // Saved, and a root that is good is never replaced.
    const again = await openAuthority({ store, clock, trustDomain, replaceEnded: true });
    expect(again.info().root.fingerprint).toBe(svid.root);
    again.dispose();
    console.log(
      `promise F11: ${points.length} points of a faked clock, alarms at 30, 14, 7, 1 and 0 days; all ended: refused with the repair, repaired, 1 of 1 SVIDs issued`,
    );
  });
});
