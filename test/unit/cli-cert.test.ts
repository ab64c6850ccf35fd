import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startAdminServer } from '../../src/admin/admin-server.ts';
import type { RotationDesk } from '../../src/admin/admin-source.ts';
import { openAuthority } from '../../src/ca/authority.ts';
import { Failure } from '../../src/model/failure.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { RotationStatus } from '../../src/model/rotation-status.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { fakeSource, operatorTokenId } from '../support/fake-admin-source.ts';
import { memoryStore } from '../support/memory-store.ts';
import { runVerb } from '../support/run-verb.ts';

/* The verbs about certificates against the real admin API over a real port; only the values behind it are made up. */

const folder = mkdtempSync(join(tmpdir(), 'weft-cert-'));
const day = 86_400_000;
const iso = (fromNow: number) => new Date(Date.now() + fromNow).toISOString();
const reviews = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'reviews' };
const [rootPrint, nextPrint, issuerPrint] = ['a1'.repeat(32), 'b2'.repeat(32), 'c3'.repeat(32)];

const root = (fingerprint: string, signs: boolean) =>
  ({
    fingerprint,
    trustDomain: 'demo.mesh',
    notBefore: iso(-day),
    notAfter: iso(3_000 * day),
    source: 'made',
    signs,
  }) as const;
const prepared: RotationStatus = {
  generation: 2,
  phase: 'prepared',
  roots: [root(rootPrint, true), root(nextPrint, false)],
  begun: { at: iso(-60_000), by: 'operator' },
  next: 'activate',
  proxies: 3,
  acked: 2,
  pending: [{ proxy: 'reviews-2.shop', reason: 'it has not acknowledged the roots' }],
};
const followed: RotationStatus = { ...prepared, acked: 3, pending: [] };
const asked: string[] = [];
let answers: RotationStatus[] = [];
const refusal = new Failure('WEFT0306', 'cannot activate: 1 live proxy awaited: reviews-2.shop', 'wait');
const rotation: RotationDesk = {
  status: () => (answers.length > 1 ? answers.shift() : answers[0]) ?? prepared,
  async step(step, { who: by }) {
    asked.push(`${step} by ${by}`);
    if (step === 'activate' && rotation.status().pending.length > 0) throw refusal;
    return rotation.status();
  },
  async distrust(fingerprint, { who: by }) {
    asked.push(`distrust ${fingerprint ?? 'the signing one'} by ${by}`);
    return { ...prepared, deadlines: { activate: iso(10_000), finish: iso(30_000) } };
  },
};

let server: Awaited<ReturnType<typeof startAdminServer>>;
beforeAll(async () => {
  const authority = { root: rootPrint, notBefore: iso(-day), signs: true };
  const source = fakeSource({
    rotation,
    certificates: () => ({
      rootCertificates: '',
      authorities: [
        { kind: 'root', fingerprint: rootPrint, ...authority, notAfter: iso(3_000 * day), keyPresent: false },
        { kind: 'issuer', fingerprint: issuerPrint, ...authority, notAfter: iso(6 * day), keyPresent: true },
      ],
      alarms: [
        {
          code: 'WEFT0302',
          what: 'issuer',
          fingerprint: issuerPrint,
          notAfter: iso(6 * day),
          endsWithinDays: 7,
          message: 'the issuing certificate ends within 7 days',
          hint: 'bring its successor',
        },
      ],
      // Not in the order in which they are listed.
      certificates: ['reviews-2.shop', '', 'reviews-1.shop'].map((holder) => ({
        identity: spiffeId(reviews),
        serial: { '': '01', 'reviews-1.shop': '02' }[holder] ?? '03',
        notBefore: iso(-3_600_000),
        notAfter: iso(20 * 3_600_000),
        renewsAt: iso(10 * 3_600_000),
        holders: 1,
        root: rootPrint,
        ...(holder === '' ? {} : { ownKeyOf: holder }),
      })),
    }),
  });
  server = await startAdminServer(source, { loopbackReads: true, address: '127.0.0.1', port: 0 });
  writeFileSync(join(folder, 'token'), `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked.length = 0;
  answers = [prepared];
});

const weft = (line: string) =>
  runVerb([...line.split(' '), '--token-file', 'token'], { cwd: folder, env: { WEFT_CP: server.url } });

describe('weft cert list', () => {
  it('shows roots and issuers first, then who has which certificate, and tells the alarms', async () => {
    const { stdout, stderr, code } = await weft('cert list');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]?.split(/ +/)).toEqual(['NAME', 'KIND', 'EXPIRES', 'RENEWS', 'HOLDERS', 'ROOT']);
    expect(lines[1]).toMatch(/^a1a1a1a1a1a1a1a1 +root, signs +in .* +- +- +a1a1/);
    expect(lines[2]).toMatch(/^c3c3c3c3c3c3c3c3 +issuer +in .* +a1a1/);
    expect(lines[3]).toMatch(/^spiffe:\/\/demo.mesh\/ns\/shop\/sa\/reviews +svid +in .* +in .* +1 +a1a1/);
    expect(lines.slice(4).map((line) => line.split(' ')[0])).toEqual(['reviews-1.shop', 'reviews-2.shop']);
    expect(stderr).toContain('WEFT0302 the issuing certificate ends within 7 days: bring its successor');
  });

  it('--expiring exits with 1 where something ends within that time', async () => {
    const week = await weft('cert list --expiring 7d -o name');
    expect(week.code).toBe(1);
    expect(week.stdout.trimEnd().split('\n')).toHaveLength(4);
    expect(await weft('cert list --expiring 1h')).toMatchObject({ code: 0 });
  });
});

describe('weft cert inspect', () => {
  it('finds an identity by its account, a root by the beginning of its fingerprint, and says what may be meant', async () => {
    expect((await weft('cert inspect reviews.shop')).stdout).toMatch(/serial +01\n[\s\S]*serial +02\n/);
    expect((await weft('cert inspect a1a1a1')).stdout).toMatch(/keyPresent +false/);
    expect(await weft('cert inspect review.shop')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "reviews.shop"?'),
    });
  });

  it.each([
    ['a folder', '.', 'WEFT0920 there is no certificate of "."'],
    // A regular file whose bytes nobody reads, whoever asks.
    ['a file that cannot be read', '/proc/self/mem', 'WEFT0912 /proc/self/mem cannot be read (EIO)'],
  ])('says what %s is not', async (_what, asked, words) => {
    expect(await weft(`cert inspect ${asked}`)).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
  });

  it('reads every certificate of a file, and no key', async () => {
    const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
    const svid = authority.issue(reviews);
    authority.dispose();
    writeFileSync(join(folder, 'both.pem'), svid.privateKey.expose() + svid.certificateChain);
    const { stdout, code } = await weft('cert inspect both.pem');
    expect(code).toBe(0);
    expect(stdout).toContain('URI:spiffe://demo.mesh/ns/shop/sa/reviews');
    expect(stdout.match(/^notAfter .*\(in /gm)).toHaveLength(2);
    expect(stdout).not.toContain('PRIVATE');
    writeFileSync(join(folder, 'none.pem'), 'nothing');
    expect(await weft('cert inspect none.pem')).toMatchObject({ code: 2, stderr: expect.stringContaining('WEFT0912') });
  });
});

describe('weft cert rotate', () => {
  it('without a step tells how far it is and who has not acknowledged, and exits with 1 while somebody is awaited', async () => {
    const { stdout, code } = await weft('cert rotate --root');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^rotation +prepared, begun .* by operator\n/);
    expect(stdout).toMatch(/root +a1a1a1a1a1a1a1a1 {2}signs {2}until .*\nroot +b2b2b2b2b2b2b2b2 {2}trusted/);
    expect(stdout).toContain('2 of 3 follow\n           reviews-2.shop  it has not acknowledged the roots\n');
    expect(stdout).toContain('weft cert rotate --root --step activate --wait, or --step abort');
    answers = [followed];
    expect(await weft('cert rotate --root -o json')).toMatchObject({ code: 0 });
  });

  it('takes a step, and passes on why not', async () => {
    expect(await weft('cert rotate --root --step prepare')).toMatchObject({ code: 0 });
    const refused = await weft('cert rotate --root --step activate');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('WEFT0306') });
    expect(refused.stderr).toContain('reviews-2.shop');
    expect(asked).toEqual(['prepare by operator', 'activate by operator']);
  });

  it('--wait takes the step as soon as all follow', async () => {
    answers = [prepared, followed];
    const { code, stderr } = await weft('cert rotate --root --step activate --wait');
    expect(code).toBe(0);
    expect(stderr).toContain('waiting for 1 of 3 proxies');
    expect(asked).toEqual(['activate by operator']);
  });

  it('--wait goes on after prepare until all follow, and names who does not in time', async () => {
    answers = [prepared, prepared, prepared, followed];
    const { code, stdout, stderr } = await weft('cert rotate --root --step prepare --wait');
    expect(code).toBe(0);
    expect(stderr).toContain('waiting for 1 of 3 proxies');
    expect(stdout).toContain('3 of 3 follow');
    answers = [prepared];
    const late = await weft('cert rotate --root --step prepare --wait --timeout 1s');
    expect(late.code).toBe(1);
    expect(late.stdout).toContain('2 of 3 follow\n           reviews-2.shop  it has not acknowledged the roots\n');
  });

  it('--wait goes on after finish until all know that the old root is gone, and names who does not', async () => {
    const { next: _next, begun: _begun, ...rest } = followed;
    const finished: RotationStatus = { ...rest, phase: 'steady', roots: [root(nextPrint, true)] };
    const behind = [{ proxy: 'bare-1.shop', reason: 'it has not acknowledged the roots' }];
    const left: RotationStatus = { ...finished, behind };
    answers = [{ ...followed, phase: 'activated', next: 'finish' }, left, left, finished];
    expect(await weft('cert rotate --root --step finish --wait')).toMatchObject({ code: 0 });
    answers = [{ ...followed, phase: 'activated', next: 'finish' }, left];
    const late = await weft('cert rotate --root --step finish --wait --timeout 1s');
    expect(late.code).toBe(1);
    expect(late.stdout).toContain(
      [
        'proxies    1 of 3 have not acknowledged yet that the former root went:',
        '           bare-1.shop  it has not acknowledged the roots',
        '           until then they trust that root, too\n',
      ].join('\n'),
    );
    expect(late.stderr).toContain('none of their calls fails by that');
    // Without --wait they are named, too.
    expect((await weft('cert rotate --root --step finish')).stdout).toContain('bare-1.shop');
  });

  it('--compromised tells when the old root goes and what stays open', async () => {
    const { stdout, stderr, code } = await weft(`cert rotate --root --compromised --fingerprint ${rootPrint}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/deadlines +activate in \d+ s, finish in \d+ s/);
    // What would give the compromised root back is not proposed.
    expect(stdout).toMatch(/\nnext +weft cert rotate --root --step activate --wait\n$/);
    expect(stderr).toContain('open connections end by their maximum');
    expect(asked).toEqual([`distrust ${rootPrint} by operator`]);
  });

  it('refuses what makes no sense', async () => {
    for (const line of [
      '',
      '--root --compromised --step abort',
      `--root --fingerprint ${rootPrint}`,
      '--root --step done',
      '--root --wait',
      '--root --compromised --wait',
      '--root --compromised --fingerprint a1',
    ])
      expect(await weft(`cert rotate ${line}`.trimEnd()), line).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('WEFT0912'),
      });
    expect(asked).toEqual([]);
  });
});
