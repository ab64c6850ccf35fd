import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import type { RootStep } from '../../src/ca/authority-steps.ts';
import { readCertificates } from '../../src/ca/certificate.ts';
import {
  firstRoots,
  type RootInput,
  type RootSlot,
  type RootState,
  step,
  trustedRoots,
} from '../../src/ca/root-rotation.ts';
import type { Bundle, SignedSvid, Svid } from '../../src/ca/svid.ts';
import { nextStep, notProved } from '../../src/control-plane/bundle-proof.ts';
import { createRootRotationDesk, type LiveProxy } from '../../src/control-plane/root-rotation-desk.ts';
import { bundleVersion, identityVersion } from '../../src/control-plane/secret-versions.ts';
import { Failure } from '../../src/model/failure.ts';
import { type Identity, spiffeId } from '../../src/model/identity.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import type { TypeStatus } from '../../src/xds/status.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

const trustDomain = 'demo.mesh';
const now = 1_700_000_000_000;
const reviews: Identity = { trustDomain, namespace: 'shop', serviceAccount: 'reviews' };

/** A CA of its own: its root, and what it signs. */
async function authority() {
  const opened = await openAuthority({ store: memoryStore(), clock: fakeClock(now), trustDomain });
  const [certificate = ''] = opened.bundle.get().roots;
  const [{ fingerprint, notBefore, notAfter } = { fingerprint: '', notBefore: 0, notAfter: 0 }] =
    readCertificates(certificate);
  const slot: RootSlot = { fingerprint, certificate, trustDomain, notBefore, notAfter, source: 'made' };
  const svid = opened.issue(reviews);
  opened.dispose();
  return { slot, svid };
}

/** As the authority does it: with the clock and the next root. */
function asInput(asked: RootStep, root: RootSlot, signing: string): RootInput {
  switch (asked.kind) {
    case 'prepare':
      return { ...asked, now, root };
    case 'compromised':
      return { fingerprint: signing, ...asked, now, root };
    case 'activate':
    case 'finish':
      return { kind: asked.kind, now, pending: asked.pending() };
    case 'abort':
      return { ...asked, now };
    default:
      return asked satisfies never;
  }
}

/** What a stream says of its secrets. */
function secrets(
  held: Readonly<Record<string, string>>,
  over: Partial<TypeStatus> = {},
): ReturnType<LiveProxy['stream']> {
  const names = Object.keys(held);
  const status: TypeStatus = {
    typeUrl: secretType,
    wildcard: false,
    namesSubscribed: names.length,
    namesDiffering: 0,
    nonce: '1',
    sentVersion: 'v',
    sentAt: now,
    ackedVersion: 'v',
    ackedAt: now,
    inFlightSince: undefined,
    owed: 0,
    error: undefined,
    awaitsFirstAnswer: false,
    isSubscribed: (name) => names.includes(name),
    versionOf: (name) => held[name],
    heldResource: () => undefined,
    subscribed: names,
    held: [],
    differing: [],
    seen: [],
    ...over,
  };
  return { types: [status] };
}

function proxy(name: string): Proxy {
  const id = `${name}.shop`;
  const own = name.startsWith('own') ? { identityFolder: '/run/own' } : {};
  return { id, name, namespace: 'shop', service: 'reviews', identity: spiffeId(reviews), ...own } as Proxy;
}

describe('what a live proxy has shown (F9)', () => {
  const wanted = { bundle: 'b2' };
  it.each([
    ['the newest roots, acknowledged', secrets({ bundle: 'b2' }), undefined],
    ['the roots of before', secrets({ bundle: 'b1' }), 'it was not sent the roots yet'],
    ['asked for, and holds nothing', secrets({ bundle: '' }), 'it was not sent the roots yet'],
    [
      'a response without its answer',
      secrets({ bundle: 'b2' }, { inFlightSince: now }),
      'it has not acknowledged the roots',
    ],
    ['no secrets at all', { types: [] }, undefined],
    ['other secrets alone', secrets({ keys_web: 'k' }, { inFlightSince: now }), undefined],
    ['no stream', undefined, 'it has no stream, and is awaited'],
    [
      'a refusal',
      secrets({ bundle: 'b1' }, { error: { message: 'bad\nroots', names: ['bundle'], version: 'b2', at: now } }),
      'it refused the roots: bad roots',
    ],
  ])('%s', (_, stream, reason) => {
    expect(notProved(stream, wanted)).toBe(reason);
  });

  it('its own certificate must be renewed, sent and acknowledged, too, before a root goes', () => {
    const held = secrets({ bundle: 'b2', identity: 'i2' });
    const identity = { version: 'i2', isRenewed: true };
    expect(notProved(held, { bundle: 'b2', identity })).toBeUndefined();
    expect(notProved(held, { bundle: 'b2', identity: { ...identity, isRenewed: false } })).toMatch(/not renewed/);
    expect(notProved(held, { bundle: 'b2', identity: { ...identity, version: 'i3' } })).toMatch(/not sent its new/);
  });

  it('each phase but the steady one asks for a proof', () => {
    expect((['steady', 'prepared', 'activated', 'returning'] as const).map(nextStep)).toEqual([
      undefined,
      'activate',
      'finish',
      'finish',
    ]);
  });
});

describe('a rotation of roots', () => {
  async function scene() {
    const [before, after] = [await authority(), await authority()];
    const roots = createCell<RootState>(firstRoots(before.slot));
    const bundle = createCell<Bundle>({ trustDomain, roots: [before.slot.certificate] });
    let svid: Svid = before.svid;
    let live: readonly LiveProxy[] = [];
    let known: readonly string[] = [];
    const signed = new Map<string, SignedSvid>();
    const desk = createRootRotationDesk({
      authority: {
        roots,
        bundle,
        async rotate(asked) {
          const stepped = step(roots.get(), asInput(asked, after.slot, before.slot.fingerprint));
          if (stepped instanceof Failure) throw stepped;
          roots.set(stepped);
          bundle.set({ trustDomain, roots: trustedRoots(stepped).map(({ certificate }) => certificate) });
          svid = stepped.signing === after.slot ? after.svid : before.svid;
          return stepped;
        },
      },
      svids: { get: () => svid, signed: () => signed },
      live: () => live,
      known: () => known,
      notPinned: ({ id }, root) =>
        id === 'bare-1.shop' && root !== before.slot.fingerprint ? 'it pins the old root' : undefined,
    });
    const holding = () => secrets({ bundle: bundleVersion(bundle.get().roots), identity: identityVersion(svid) });
    return {
      desk,
      before,
      after,
      signed,
      holding,
      /** Who is connected, and with what; `ids` are the workloads that the registry knows. */
      connect(
        proxies: Readonly<Record<string, ReturnType<LiveProxy['stream']>>>,
        ids = Object.keys(proxies).map((name) => `${name}.shop`),
      ) {
        live = Object.entries(proxies).map(([name, stream]) => ({ proxy: proxy(name), stream: () => stream }));
        known = ids;
      },
    };
  }
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('takes each step when all live proxies have shown what it needs, and names those that have not', async () => {
    const { desk, connect, holding, before, after } = await scene();
    const old = holding();
    connect({ 'reviews-1': old, 'reviews-2': old });
    expect(desk.status()).toMatchObject({ phase: 'steady', proxies: 2, acked: 2, pending: [] });

    const prepared = await desk.step('prepare', { who: 'ana' });
    expect(prepared).toMatchObject({ phase: 'prepared', next: 'activate', acked: 0, begun: { by: 'ana' } });
    expect(prepared.roots.map(({ fingerprint, signs }) => [fingerprint, signs])).toEqual([
      [before.slot.fingerprint, true],
      [after.slot.fingerprint, false],
    ]);
    connect({ 'reviews-1': holding(), 'reviews-2': old });
    expect(desk.status()).toMatchObject({ acked: 1, pending: [{ proxy: 'reviews-2.shop' }] });
    expect(await refusal(desk.step('activate', { who: 'ana' }))).toMatchObject({
      code: 'WEFT0306',
      message: expect.stringContaining('reviews-2.shop'),
    });
    connect({ 'reviews-1': holding(), 'reviews-2': holding() });

    const between = holding();
    expect(await desk.step('activate', { who: 'ana' })).toMatchObject({ phase: 'activated', next: 'finish', acked: 0 });
    connect({ 'reviews-1': holding(), 'reviews-2': between });
    expect(await refusal(desk.step('finish', { who: 'ana' }))).toMatchObject({ code: 'WEFT0306' });
    connect({ 'reviews-1': holding(), 'reviews-2': holding() });
    const finished = await desk.step('finish', { who: 'ana' });
    expect(finished).toMatchObject({ phase: 'steady', pending: [] });
    expect(finished.roots.map(({ fingerprint }) => fingerprint)).toEqual([after.slot.fingerprint]);
    // Each step may be asked for again, as after a crash of who asked.
    expect(await desk.step('finish', { who: 'ana' })).toEqual(finished);
    // Who is told that the old root is gone, and has not said so: after the step, not before it.
    expect(finished.behind?.map(({ proxy }) => proxy)).toEqual(['reviews-1.shop', 'reviews-2.shop']);
    connect({ 'reviews-1': holding(), 'bare-2': secrets({ bundle: 'b1' }, { inFlightSince: now }) });
    expect(desk.status().behind).toEqual([{ proxy: 'bare-2.shop', reason: 'it has not acknowledged the roots' }]);
    connect({ 'reviews-1': holding(), 'bare-2': holding() });
    expect(desk.status()).not.toHaveProperty('behind');
  });

  it('awaits whom the registry knows from before a restart: no stream at all is no proof', async () => {
    const { desk, connect, holding } = await scene();
    await desk.step('prepare', { who: 'ana' });
    connect({}, ['reviews-1.shop']);
    expect(await refusal(desk.step('activate', { who: 'ana' }))).toMatchObject({ code: 'WEFT0306' });
    connect({ 'reviews-1': holding() });
    expect(await desk.step('activate', { who: 'ana' })).toMatchObject({ phase: 'activated' });
  });

  it('waits for who keeps its own key until its newest certificate is under the root that signs', async () => {
    const { desk, connect, holding, signed, before, after } = await scene();
    const own = ({ privateKey: _, ...svid }: Svid): SignedSvid => ({ ...svid, renewAt: svid.notAfter });
    signed.set('own-1.shop', own(before.svid));
    await desk.step('prepare', { who: 'ana' });
    connect({ 'own-1': holding() });
    await desk.step('activate', { who: 'ana' });
    connect({ 'own-1': holding() });
    expect(desk.status().pending).toEqual([{ proxy: 'own-1.shop', reason: 'its certificate is not renewed yet' }]);
    signed.set('own-1.shop', own(after.svid));
    expect(desk.status().pending).toEqual([]);
  });

  it('does not lose who would not find the control plane again', async () => {
    const { desk, connect, holding } = await scene();
    await desk.step('prepare', { who: 'ana' });
    connect({ 'bare-1': holding() });
    await desk.step('activate', { who: 'ana' });
    connect({ 'bare-1': holding() });
    expect(desk.status().pending).toEqual([{ proxy: 'bare-1.shop', reason: 'it pins the old root' }]);
  });

  it('a compromised root goes at its deadline, and abort does not give it back', async () => {
    const { desk, connect, holding, before, after } = await scene();
    connect({ 'reviews-1': holding() });
    const begun = await desk.distrust(undefined, { who: 'ana' });
    expect(begun).toMatchObject({ phase: 'prepared', next: 'activate' });
    expect(Date.parse(begun.deadlines?.finish ?? '') - now).toBeLessThanOrEqual(60_000);
    expect(await refusal(desk.distrust('00'.repeat(32), { who: 'ana' }))).toMatchObject({ code: 'WEFT0306' });
    const refused = {
      code: 'WEFT0306',
      message: 'cannot abort: a root is compromised, and abort would give it back',
      hint: expect.stringContaining(`nobody trusts it after ${begun.deadlines?.finish}`),
    };
    expect(await refusal(desk.step('abort', { who: 'ana' }))).toMatchObject(refused);
    connect({ 'reviews-1': holding() });
    expect(await desk.step('activate', { who: 'ana' })).toMatchObject({ phase: 'activated', next: 'finish' });
    expect(await refusal(desk.step('abort', { who: 'ana' }))).toMatchObject(refused);
    // Nor does the word that the one in its place is compromised, too: that is said again when this one is gone.
    expect(await refusal(desk.distrust(after.slot.fingerprint, { who: 'ana' }))).toMatchObject({
      code: 'WEFT0306',
      hint: expect.stringContaining(`repeat this after ${begun.deadlines?.finish}`),
    });
    expect(desk.status().roots.find(({ signs }) => signs)?.fingerprint).not.toBe(before.slot.fingerprint);
  });
});
