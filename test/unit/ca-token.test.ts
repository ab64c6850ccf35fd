import { createHash, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseToken, tokenText } from '../../src/ca/token.ts';
import { parseCidr, type WorkloadGrant } from '../../src/ca/token-record.ts';
import { openTokenStore, type TokenCheck, type TokenRefusal } from '../../src/ca/token-store.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const fingerprint = createHash('sha256').update('root').digest('hex');
const hour = 3_600_000;
const grant: WorkloadGrant = {
  role: 'workload',
  namespace: 'shop',
  services: ['payments'],
  addresses: ['10.1.0.0/16'],
  ports: [9080],
};

async function open(store = memoryStore(), clock = createJumpingClock()) {
  const tokens = await openTokenStore({ store, clock, fingerprint });
  const make = async (ttl?: number, change: Partial<WorkloadGrant> = {}) => {
    const request = { grant: { ...grant, ...change }, createdBy: 'ana', ...(ttl !== undefined && { ttl }) };
    const { record, text } = await tokens.create(request);
    return { record, text, bearer: parseToken(text.expose()).bearer.expose() };
  };
  return { tokens, store, clock, make };
}
function refusal(check: TokenCheck): TokenRefusal {
  if ('ok' in check) throw new Error('it was accepted');
  return check.refused;
}

describe('the text of a token', () => {
  it('is one line of three base64url parts that reads back, and prints as [redacted]', async () => {
    const { make } = await open();
    const { record, text, bearer } = await make();
    expect(text.expose()).toMatch(/^[A-Za-z0-9]{12}\.[\w-]{43}\.[\w-]{43}$/);
    const token = parseToken(`\n ${text.expose()}\n`);
    expect([token.id, token.fingerprint, token.bearer.expose()]).toEqual([record.id, fingerprint, bearer]);
    expect(inspect([token, text, record])).not.toContain(bearer.split('.')[1]);
  });

  it.each([
    ['', 'it is empty'],
    ['  \n', 'it is empty'],
    ['a b', 'more than one line'],
    ['abcdefghijkl', 'not of the form'],
    [`abcdefghijkl.${'s'.repeat(43)}`, 'not of the form'],
    [`abcdefghijkl.${'s'.repeat(43)}.${'f'.repeat(43)}.x`, 'not of the form'],
    [`short.${'s'.repeat(43)}.${'f'.repeat(43)}`, 'a part of it'],
    [`abcdefghijkl.${'s'.repeat(42)}.${'f'.repeat(43)}`, 'a part of it'],
    [`abcdefghijkl.${'s'.repeat(43)}.${'f'.repeat(42)}+`, 'a part of it'],
  ])('refuses %j and never repeats it', (text, words) => {
    let failure: unknown;
    try {
      parseToken(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: 'WEFT0203', message: expect.stringContaining(words) });
    expect(String(failure)).not.toContain('sss');
  });

  it('carries the fingerprint as 43 characters', () => {
    expect(tokenText('a.b', fingerprint).expose().split('.')[2]).toHaveLength(43);
  });
});

describe('token store', () => {
  it('accepts what it made, also after a restart, and stores no secret (T3)', async () => {
    const { store, clock, make, tokens } = await open();
    const { record, bearer } = await make();
    expect(tokens.check(bearer)).toEqual({ ok: record });
    expect(record).toEqual({ id: record.id, grant, createdAt: clock.now(), createdBy: 'ana', pin: fingerprint });
    const again = await open(store, clock);
    expect(again.tokens.check(bearer)).toEqual({ ok: record });
    const secret = bearer.split('.')[1] ?? '';
    const stored = [...store.content.values()].map((bytes) => Buffer.from(bytes).toString()).join();
    expect(stored).not.toContain(secret);
    expect(stored).toContain(createHash('sha256').update(secret).digest('hex'));
  });

  it('accepts none of 10,000 random bearers, right ids included', async () => {
    const { tokens, make } = await open();
    const made = await Promise.all(Array.from({ length: 20 }, () => make()));
    let accepted = 0;
    for (let index = 0; index < 10_000; index += 1) {
      const id = index % 2 === 0 ? made[index % made.length]?.record.id : randomBytes(9).toString('base64url');
      if ('ok' in tokens.check(`${id}.${randomBytes(32).toString('base64url')}`)) accepted += 1;
    }
    expect(accepted).toBe(0);
  });

  it('tells malformed, unknown, revoked and expired apart, with words that help (E4)', async () => {
    const { tokens, make, clock } = await open();
    const [revoked, expired] = [await make(), await make(hour, { serviceAccount: 'payer' })];
    await tokens.revoke(revoked.record.id);
    clock.advance(hour);
    const answers = [
      refusal(tokens.check('hunter2')),
      refusal(tokens.check(`abcdefghijkl.${'s'.repeat(43)}`)),
      refusal(tokens.check(revoked.bearer)),
      refusal(tokens.check(expired.bearer)),
    ];
    expect(answers.map(({ code, reason }) => `${code} ${reason}`)).toEqual([
      'WEFT0203 malformed',
      'WEFT0203 unknown',
      'WEFT0203 revoked',
      'WEFT0203 expired',
    ]);
    expect(answers[0]?.message).not.toContain('hunter2');
    expect(answers[1]?.message).toContain('token abcdefghijkl is not known here');
    expect(answers[2]?.message).toBe(
      `token ${revoked.record.id} (service payments in shop, service account payments; made by ana on 2026-01-01 00:00 UTC) was revoked on 2026-01-01 00:00 UTC`,
    );
    expect(answers[2]?.hint).toBe('weft token create --service payments --namespace shop');
    expect(answers[3]?.message).toContain('expired on 2026-01-01 01:00 UTC');
    expect(answers[3]?.hint).toBe('weft token create --service payments --namespace shop --service-account payer');
    expect(refusal(tokens.check('')).message).toBe('no token was sent');
  });

  it('tells a wrong secret nothing about the token, not even that it was revoked', async () => {
    const { tokens, make } = await open();
    const { record } = await make();
    const guess = `${record.id}.${'A'.repeat(43)}`;
    const before = refusal(tokens.check(guess));
    await tokens.revoke(record.id);
    expect(refusal(tokens.check(guess))).toEqual(before);
    expect(before.reason).toBe('unknown');
    expect(before.message).not.toContain('ana');
  });

  it('keeps revoked records, and tells the holders of open streams', async () => {
    const { tokens, make, store, clock } = await open();
    const [kept, gone] = [await make(), await make()];
    let told = 0;
    const unwatch = tokens.watch(() => {
      told += 1;
    });
    expect([tokens.standing(kept.record.id), tokens.standing(gone.record.id)]).toEqual([undefined, undefined]);
    const revoked = await tokens.revoke(gone.record.id);
    expect(await tokens.revoke(gone.record.id)).toEqual(revoked);
    expect(told).toBe(1);
    expect([tokens.standing(kept.record.id), tokens.standing(gone.record.id)?.reason]).toEqual([undefined, 'revoked']);
    expect(tokens.standing('nobody')?.reason).toBe('unknown');
    unwatch();
    await expect(tokens.revoke('nobody')).rejects.toMatchObject({ code: 'WEFT0920' });
    const again = await open(store, clock);
    expect(
      again.tokens
        .list()
        .map((record) => record.revokedAt !== undefined)
        .sort(),
    ).toEqual([false, true]);
    expect(refusal(again.tokens.check(gone.bearer)).reason).toBe('revoked');
  });

  it('tells when a credential has expired, however far away that is', async () => {
    const { tokens, make, clock } = await open();
    const [soon] = [await make(hour), await make(100 * 24 * hour)];
    let told = 0;
    tokens.watch(() => {
      told += 1;
    });
    clock.advance(hour - 1);
    expect([told, tokens.standing(soon.record.id)]).toEqual([0, undefined]);
    clock.advance(1);
    expect([told, tokens.standing(soon.record.id)?.reason]).toEqual([1, 'expired']);
    clock.advance(100 * 24 * hour);
    expect(told).toBe(2);
    expect(clock.pending()).toBe(0);
  });

  it('revokes in memory even when it cannot be saved', async () => {
    const store = memoryStore();
    let full = false;
    const write: typeof store.write = async (key, value) => {
      if (full) throw new Error('disk full');
      await store.write(key, value);
    };
    const tokens = await openTokenStore({ store: { ...store, write }, clock: createJumpingClock(), fingerprint });
    const { record } = await tokens.create({ grant, createdBy: 'ana' });
    full = true;
    await expect(tokens.revoke(record.id)).rejects.toThrow('disk full');
    expect(tokens.standing(record.id)?.reason).toBe('revoked');
    await expect(tokens.create({ grant, createdBy: 'ana' })).rejects.toThrow('disk full');
    expect(tokens.list()).toHaveLength(1);
    full = false;
    await tokens.revoke(record.id);
    const again = await openTokenStore({ store, clock: createJumpingClock(), fingerprint });
    expect(again.standing(record.id)?.reason).toBe('revoked');
  });

  const bad: readonly (readonly [string, Partial<WorkloadGrant>])[] = [
    ['a namespace with capitals', { namespace: 'Shop' }],
    ['no service', { services: [''] }],
    ['a service with a slash beside a good one', { services: ['payments', 'a/b'] }],
    ['two services without uses', { services: ['payments', 'refunds'] }],
    ['a service account with a slash', { serviceAccount: 'a/b' }],
    ['half a block', { addresses: ['10.0.0.0/'] }],
    ['a block beyond 32 bits', { addresses: ['10.0.0.0/33'] }],
    ['a name as block', { addresses: ['payments'] }],
    ['port 0', { ports: [0] }],
    ['port 65536', { ports: [65_536] }],
    ['a label with a space', { labels: { tier: 'a b' } }],
    ['a label without a name', { labels: { '': 'a' } }],
  ];
  it.each(bad)('makes none for %s', async (_, change) => {
    const { tokens } = await open();
    await expect(tokens.create({ grant: { ...grant, ...change }, createdBy: 'ana' })).rejects.toMatchObject({
      code: 'WEFT0921',
    });
    expect(tokens.list()).toEqual([]);
  });

  it('makes none that has expired already or outlives the root, or whose maker would break a log line (T27)', async () => {
    const { tokens } = await open();
    for (const ttl of [0, -1, Number.NaN, 3_651 * 24 * hour, 8.7e15]) {
      await expect(tokens.create({ grant, createdBy: 'ana', ttl })).rejects.toMatchObject({ code: 'WEFT0921' });
    }
    await expect(tokens.create({ grant, createdBy: 'a\u001b[31m' })).rejects.toMatchObject({ code: 'WEFT0921' });
    await expect(tokens.create({ grant, createdBy: 'ana', label: 'x\ny' })).rejects.toMatchObject({ code: 'WEFT0921' });
  });

  it('keeps the operator apart from workloads', async () => {
    const { tokens } = await open();
    const { record, text } = await tokens.create({ grant: { role: 'operator' }, createdBy: 'weft up' });
    expect(tokens.check(parseToken(text.expose()).bearer.expose())).toEqual({ ok: record });
    await tokens.revoke(record.id);
    expect(tokens.standing(record.id)?.hint).toContain('it leaves a new operator credential in the state dir');
  });

  it.each(['', '{', '[]', '{"record":{}}', '{"record":{"id":"x","grant":{"role":"root"}},"secretHash":""}'])(
    'refuses to start on the damaged record %j',
    async (text) => {
      const { store } = await open();
      await store.write('tokens/abcdefghijkl', Buffer.from(text));
      await expect(open(store)).rejects.toMatchObject({ code: 'WEFT0904', where: 'tokens/abcdefghijkl' });
    },
  );

  it('reads what former versions wrote: one service, and always its account', async () => {
    const { store, make } = await open();
    const { record, bearer } = await make();
    const key = `tokens/${record.id}`;
    const stored = JSON.parse(Buffer.from(store.content.get(key) ?? []).toString());
    const { services: _none, ...former } = stored.record.grant;
    const write = (grant: object) =>
      store.write(key, Buffer.from(JSON.stringify({ ...stored, record: { ...stored.record, grant } })));
    await write({ ...former, service: 'payments', serviceAccount: 'payments' });
    const check = (await open(store)).tokens.check(bearer);
    const grant = { ...former, services: ['payments'], serviceAccount: 'payments' };
    expect(check).toEqual({ ok: { ...record, grant } });
    // Nobody writes a credential for several by hand.
    await write({ ...grant, services: ['payments', 'refunds'] });
    await expect(open(store)).rejects.toMatchObject({ code: 'WEFT0904' });
  });

  it('says whom a token for several services is for, and how to make it again', async () => {
    const { tokens } = await open();
    const several = { ...grant, services: ['payments', 'refunds'] } as const;
    const made = async (change: Partial<WorkloadGrant>) => {
      const { record } = await tokens.create({ grant: { ...several, ...change }, createdBy: 'ana', uses: 1 });
      await tokens.revoke(record.id);
      return tokens.standing(record.id);
    };
    expect(await made({})).toMatchObject({
      message: expect.stringContaining('(services payments, refunds in shop, service accounts payments, refunds; made'),
      hint: 'weft token create --service payments --service refunds --namespace shop',
    });
    expect(await made({ serviceAccount: 'money' })).toMatchObject({
      message: expect.stringContaining('(services payments, refunds in shop, service account money; made'),
      hint: 'weft token create --service payments --service refunds --namespace shop --service-account money',
    });
  });

  it('refuses a record that was copied under another name', async () => {
    const { store, make } = await open();
    const { record } = await make();
    store.content.set('tokens/abcdefghijkl', store.content.get(`tokens/${record.id}`) ?? Buffer.of());
    await expect(open(store)).rejects.toMatchObject({ code: 'WEFT0904' });
  });
});

describe('address blocks', () => {
  it('contain what they say, IPv4 and IPv6', () => {
    expect(parseCidr('10.1.0.0/16')?.check('10.1.255.1')).toBe(true);
    expect(parseCidr('10.1.0.0/16')?.check('10.2.0.1')).toBe(false);
    expect(parseCidr('10.1.2.3')?.check('10.1.2.4')).toBe(false);
    expect(parseCidr('fd00::/8')?.check('fd12::1', 'ipv6')).toBe(true);
    expect(parseCidr('0.0.0.0/0')?.check('8.8.8.8')).toBe(true);
    expect(['10.1.0.0/1x', '10.1.0.0/8/8', 'fe80::1%eth0', '10.1/16', 'x'].map(parseCidr)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
