import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Authority, openAuthority } from '../../src/ca/authority.ts';
import {
  distrustedAfter,
  firstRoots,
  needsRoot,
  type RootInput,
  type RootSlot,
  type RootState,
  rootWakeAt,
  step,
  trustedRoots,
} from '../../src/ca/root-rotation.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { Failure } from '../../src/model/failure.ts';
import type { StateStore } from '../../src/model/state-store.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const runs = process.env.WEFT_LONG === '1' ? 20_000 : 500;
const crashRuns = process.env.WEFT_LONG === '1' ? 2_000 : 60;
const start = Date.UTC(2026, 0, 1);
const trustDomain = 'demo.mesh';
const identity = { trustDomain, namespace: 'shop', serviceAccount: 'reviews' };

let made = 0;
const slot = (): RootSlot => {
  made += 1;
  const fingerprint = made.toString(16).padStart(64, '0');
  return { fingerprint, certificate: fingerprint, trustDomain, notBefore: 0, notAfter: start * 10, source: 'made' };
};

/** What happens to a mesh of proxies while somebody changes its root. */
type Event =
  | { readonly kind: 'prepare' | 'activate' | 'finish' | 'abort' }
  | { readonly kind: 'bundle' | 'leaf'; readonly proxy: number | 'each' };
const heard = fc.record({
  kind: fc.constantFrom('bundle' as const, 'leaf' as const),
  proxy: fc.constantFrom(0, 1, 2, 'each' as const, 'each' as const),
});
const asked = fc.constantFrom<Event>({ kind: 'prepare' }, { kind: 'activate' }, { kind: 'finish' }, { kind: 'abort' });
const events: fc.Arbitrary<Event> = fc.oneof(asked, heard, heard);

describe('the rotation of roots', () => {
  it('lets every proxy be believed by every other, in whatever order they hear and people act (F9)', () => {
    let changed = 0;
    fc.assert(
      fc.property(fc.array(events, { minLength: 30, maxLength: 60 }), (history) => {
        let state = firstRoots(slot());
        const bundle = () => new Set(trustedRoots(state).map(({ fingerprint }) => fingerprint));
        const proxies = [0, 1, 2].map(() => ({ bundle: bundle(), leaf: state.signing.fingerprint }));
        const isCurrent = (held: ReadonlySet<string>) =>
          held.size === bundle().size && [...held].every((root) => bundle().has(root));
        const pendingBundle = () => proxies.flatMap((proxy, index) => (isCurrent(proxy.bundle) ? [] : [`p${index}`]));
        const pendingLeaf = () =>
          proxies.flatMap((proxy, index) => (proxy.leaf === state.signing.fingerprint ? [] : [`p${index}`]));
        const inputOf = (kind: 'prepare' | 'activate' | 'finish' | 'abort'): RootInput => {
          if (kind === 'prepare') return { kind, now: start, by: 'test', root: slot() };
          if (kind === 'abort') return { kind, now: start };
          const pending = kind === 'activate' ? pendingBundle() : [...new Set([...pendingBundle(), ...pendingLeaf()])];
          return { kind, now: start, pending };
        };
        for (const event of history) {
          if ('proxy' in event) {
            for (const [index, proxy] of proxies.entries()) {
              if (event.proxy !== index && event.proxy !== 'each') continue;
              if (event.kind === 'bundle') proxy.bundle = bundle();
              else proxy.leaf = state.signing.fingerprint;
            }
          } else {
            const next = step(state, inputOf(event.kind));
            if (!(next instanceof Failure)) {
              const [before, after] = [bundle(), new Set(trustedRoots(next).map(({ fingerprint }) => fingerprint))];
              const sameTrust = before.size === after.size && [...after].every((root) => before.has(root));
              // Never both at once, and only what was trusted before signs.
              expect(sameTrust || next.signing.fingerprint === state.signing.fingerprint).toBe(true);
              expect(before.has(next.signing.fingerprint)).toBe(true);
              expect(next === state || next.generation === state.generation + 1).toBe(true);
              if (next !== state) changed += 1;
              state = next;
              // Repeated, as after a crash: nothing more happens.
              if (event.kind !== 'abort') expect(step(state, inputOf(event.kind))).toBe(state);
            }
          }
          const stranger = proxies.find(({ leaf }) => proxies.some((peer) => !peer.bundle.has(leaf)));
          if (stranger) throw new Error(`a leaf under ${stranger.leaf} is not believed by all`);
        }
        // From wherever it stands, it can be ended: both ways.
        for (const kind of ['prepare', 'activate', 'finish', 'abort', 'finish'] as const) {
          for (const proxy of proxies) Object.assign(proxy, { bundle: bundle(), leaf: state.signing.fingerprint });
          const next = step(state, inputOf(kind));
          if (!(next instanceof Failure)) state = next;
        }
        expect(state.phase).toBe('steady');
      }),
      { numRuns: runs },
    );
    expect(changed).toBeGreaterThan(runs);
    console.log(`F9: ${runs} histories of three proxies, ${changed} steps taken, 0 proxies not believed`);
  }, 60_000);

  it('distrusts a compromised root by its deadline, whoever has not acknowledged and however the clock is set (F10)', () => {
    const moves = fc.array(fc.integer({ min: -3_600_000, max: 20_000 }), { maxLength: 20 });
    const phases = fc.constantFrom<readonly ('prepare' | 'activate' | 'abort')[]>(
      [],
      ['prepare'],
      ['prepare', 'activate'],
      ['prepare', 'activate', 'abort'],
    );
    fc.assert(
      fc.property(phases, moves, fc.boolean(), (before, jumps, isOther) => {
        let state = firstRoots(slot());
        const take = (input: RootInput): void => {
          const next = step(state, input);
          if (next instanceof Failure) throw next;
          state = next;
        };
        for (const kind of before) {
          const shared = { now: start, by: 'test', pending: [] };
          take(kind === 'prepare' ? { kind, ...shared, root: slot() } : { kind, ...shared });
        }
        const bad = (isOther ? state.other : undefined) ?? state.signing;
        const input = { kind: 'compromised', now: start, by: 'test', fingerprint: bad.fingerprint } as const;
        take({ ...input, ...(needsRoot(state, input) && { root: slot() }) });
        let [now, passed] = [start, 0];
        for (const jump of jumps) {
          now += jump;
          passed += Math.max(jump, 0);
          take({ kind: 'tick', now });
        }
        // What is left of the time passes, the clock unhindered.
        for (let wake = rootWakeAt(state); wake !== undefined; wake = rootWakeAt(state)) {
          const wait = Math.min(Math.max(wake - now, 0), distrustedAfter);
          now += wait;
          passed += wait;
          take({ kind: 'tick', now });
        }
        expect(trustedRoots(state)).not.toContain(bad);
        expect(state.phase).toBe('steady');
        // Under one that was only prepared nobody was let in.
        const wasOnlyPrepared = isOther && before.length === 1;
        expect(state.distrusted).toBe(wasOnlyPrepared ? undefined : bad.fingerprint);
        if (jumps.every((jump) => jump >= 0))
          expect(passed).toBeLessThanOrEqual(
            Math.max(
              distrustedAfter,
              jumps.reduce((a, b) => a + b, 0),
            ) + 1,
          );
      }),
      { numRuns: runs },
    );
  });

  it('gives a compromised root back to nobody, whatever is asked while it goes (F10)', () => {
    const asks = fc.array(
      fc.constantFrom('prepare', 'activate', 'finish', 'abort', 'the other one, too', 'the signing one, too', 'time'),
      { minLength: 1, maxLength: 20 },
    );
    const planned = fc.array(fc.constantFrom('prepare', 'activate', 'abort'), { maxLength: 4 });
    let refused = 0;
    fc.assert(
      fc.property(planned, fc.boolean(), asks, (before, isOther, history) => {
        let [state, now] = [firstRoots(slot()), start];
        const gone = new Map<string, number>();
        const ask = (asked: string): void => {
          const shared = { now, by: 'test', root: slot(), pending: [] };
          if (asked === 'time') now += 4_000;
          const bad = asked === 'the other one, too' ? state.other : state.signing;
          const next =
            asked === 'prepare' || asked === 'activate' || asked === 'finish' || asked === 'abort'
              ? step(state, { kind: asked, ...shared })
              : asked === 'time'
                ? step(state, { kind: 'tick', now })
                : step(state, { kind: 'compromised', ...shared, fingerprint: bad?.fingerprint ?? '' });
          if (next instanceof Failure) {
            expect([next.code, next.hint]).toEqual(['WEFT0306', expect.stringMatching(/./)]);
            refused += 1;
            return;
          }
          const lost = gone.has(state.signing.fingerprint) ? undefined : next.signing.fingerprint;
          if (lost !== undefined && gone.has(lost)) throw new Error(`${asked}: a compromised root signs again`);
          if (asked.endsWith('too') && bad && !gone.has(bad.fingerprint))
            gone.set(bad.fingerprint, now + distrustedAfter);
          state = next;
          const left = trustedRoots(state).map(({ fingerprint }) => fingerprint);
          for (const [fingerprint, deadline] of gone)
            if (now >= deadline && left.includes(fingerprint))
              throw new Error(`${asked}: ${fingerprint} is trusted still`);
        };
        for (const asked of before) ask(asked);
        ask(isOther ? 'the other one, too' : 'the signing one, too');
        for (const asked of history) ask(asked);
        // Steady again without help: all that were named are gone.
        for (let turn = 0; turn < 20; turn += 1) ask('time');
        expect(trustedRoots(state).filter(({ fingerprint }) => gone.has(fingerprint))).toEqual([]);
      }),
      { numRuns: runs },
    );
    console.log(`F10: ${runs} histories after a compromise, ${refused} steps refused, 0 gave a compromised root back`);
  });

  it('survives a crash between any two writes: the state before or the state after, and a valid SVID under it (F9)', async () => {
    const actions = fc.array(fc.constantFrom('prepare', 'activate', 'finish', 'abort', 'compromised', 'half a year'), {
      minLength: 1,
      maxLength: 8,
    });
    let [crashes, histories] = [0, 0];
    await fc.assert(
      fc.asyncProperty(actions, fc.integer({ min: 0, max: 40 }), async (history, crashAt) => {
        histories += 1;
        const content = memoryStore();
        const clock = createJumpingClock(start);
        let left = crashAt;
        const crashing = (): StateStore => {
          const op = async (run: () => Promise<void>): Promise<void> => {
            left -= 1;
            if (left < 0) throw new Failure('WEFT0904', 'the process died', 'start again');
            await run();
          };
          return {
            ...content,
            write: (key, value) => op(() => content.write(key, value)),
            delete: (key) => op(() => content.delete(key)),
          };
        };
        let authority: Authority | undefined;
        let before: RootState | undefined;
        try {
          authority = await openAuthority({ store: crashing(), clock, trustDomain });
          for (const action of history) {
            before = authority.roots.get();
            if (action === 'half a year') {
              clock.advance(183 * 86_400_000);
              await settled();
            } else {
              const asked = askedOf(action);
              await authority.rotate(asked).catch((error: unknown) => {
                if (error instanceof Failure && error.code === 'WEFT0306') return;
                throw error;
              });
            }
            // What is written by itself fails in silence: the process is dead all the same.
            if (left < 0) throw new Failure('WEFT0904', 'the process died', 'start again');
            expectValid(authority, clock.now());
          }
        } catch (error) {
          if (!(error instanceof Failure) || error.code !== 'WEFT0904') throw error;
          crashes += 1;
        }
        authority?.dispose();
        left = Number.POSITIVE_INFINITY;
        const again = await openAuthority({ store: content, clock, trustDomain });
        expectValid(again, clock.now());
        const after = again.roots.get();
        // A time of day that a step or two of a compromised root passed by themselves is no part of the state.
        if (before && after.generation === before.generation) expect(after).toEqual(before);
        else if (before) expect(after.generation).toBeGreaterThan(before.generation);
        // It goes on from there: back to one root, and nothing of another is left.
        for (const asked of ['activate', 'finish'].map(askedOf)) await again.rotate(asked).catch(() => undefined);
        await settled();
        expect(again.roots.get().phase).toBe('steady');
        const { root, issuer } = again.info();
        expect([...content.content.keys()].sort()).toEqual([
          `ca/issuers/${issuer.fingerprint}.pem`,
          `ca/roots/${root.fingerprint}.key`,
          'ca/state.json',
        ]);
        again.dispose();
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: crashRuns },
    );
    expect(crashes).toBeGreaterThan(crashRuns / 10);
    console.log(
      `F9: ${histories} histories, ${crashes} ended by a crash between two writes, 0 without a valid SVID after`,
    );
  });
});

function askedOf(action: string) {
  switch (action) {
    case 'activate':
    case 'finish':
      return { kind: action, pending: () => [] } as const;
    case 'abort':
      return { kind: 'abort' } as const;
    case 'compromised':
      return { kind: 'compromised', by: 'test' } as const;
    default:
      return { kind: 'prepare', by: 'test' } as const;
  }
}

/** Writes that nobody awaits are done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

/** An SVID is to be had, valid now, signed by its issuer, that by a root of the bundle. */
function expectValid(authority: Authority, now: number): void {
  const svid = authority.issue(identity);
  const [leaf, issuer] =
    svid.certificateChain.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g)?.map((pem) => new X509Certificate(pem)) ??
    [];
  const roots = authority.bundle.get().roots.map((pem) => new X509Certificate(pem));
  if (!leaf || !issuer) throw new Error('the chain is incomplete');
  expect(leaf.verify(issuer.publicKey)).toBe(true);
  expect(roots.some((root) => issuer.checkIssued(root) && issuer.verify(root.publicKey))).toBe(true);
  expect(svid.notBefore <= now && now < svid.notAfter).toBe(true);
}

describe('leaves under another root', () => {
  it('are made by themselves when it signs, for all that are held, and never before it is trusted', async () => {
    const clock = createJumpingClock(start);
    const authority = await openAuthority({ store: memoryStore(), clock, trustDomain });
    const source = createSvidSource({ authority, clock, random: () => 0.5 });
    const accounts = Array.from({ length: 50 }, (_, index) => ({ ...identity, serviceAccount: `a${index}` }));
    const renewed = new Set<string>();
    for (const account of accounts) {
      source.get(account);
      source.subscribe(account, (svid) => {
        expect(authority.bundle.get().roots.length).toBe(2);
        expect(svid.root).toBe(authority.roots.get().signing.fingerprint);
        renewed.add(svid.spiffeId);
      });
    }
    const former = authority.roots.get().signing.fingerprint;
    await authority.rotate({ kind: 'prepare', by: 'test' });
    clock.advance(10_000);
    expect(renewed.size).toBe(0);
    await expect(authority.rotate({ kind: 'activate', pending: () => ['reviews-1.shop'] })).rejects.toMatchObject({
      code: 'WEFT0306',
      message: 'cannot activate: not every live proxy has acknowledged the next root; 1 to go: reviews-1.shop',
    });
    await authority.rotate({ kind: 'activate', pending: () => [] });
    clock.advance(10_000);
    expect(renewed.size).toBe(50);
    await authority.rotate({ kind: 'finish', pending: () => [] });
    expect(authority.bundle.get().roots).toHaveLength(1);
    expect(accounts.every((account) => source.get(account).root !== former)).toBe(true);
    source.dispose();
    authority.dispose();
    expect(clock.pending()).toBe(0);
  });
});
