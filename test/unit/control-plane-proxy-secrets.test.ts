import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, openAuthority } from '../../src/ca/authority.ts';
import type { Bundle } from '../../src/ca/svid.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import type { NamedSecret, NamedSecretSet } from '../../src/control-plane/named-secrets.ts';
import { createProxySecrets } from '../../src/control-plane/proxy-secrets.ts';
import { spiffeId } from '../../src/model/identity.ts';
import { createCell } from '../../src/model/readable.ts';
import { Secret } from '../../src/model/secret.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { proxy } from '../support/resolve-values.ts';

const clock = fakeClock();
let authorities: readonly Authority[];
beforeAll(async () => {
  const open = () => openAuthority({ store: memoryStore(), clock, trustDomain: 'demo.mesh' });
  authorities = await Promise.all([open(), open()]);
});
afterAll(() => {
  for (const authority of authorities) authority.dispose();
});

/** Secrets of proxies under the first authority, and the roots that everybody believes. */
function start() {
  const [authority] = authorities;
  if (authority === undefined) throw new Error('no authority');
  const bundle = createCell<Bundle>(authority.bundle.get());
  const svids = createSvidSource({ authority, clock });
  const failures: unknown[] = [];
  const secrets = createProxySecrets({ ...authority, bundle }, svids, (error) => failures.push(error));
  return { bundle, svids, secrets, failures };
}

/** A proxy of the one identity. */
const member = (id: string) =>
  proxy(id, { identity: spiffeId({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'a' }) });

test('X118 a change of the bundle reaches every proxy, each with the leaf that it had', () => {
  const { bundle, svids, secrets } = start();
  const both = authorities.flatMap((authority) => authority.bundle.get().roots);
  const all = ['a-1.shop', 'a-2.shop'].map((id) => secrets(member(id)));
  const before = all.map((each) => each.get());
  const heard: (readonly string[] | undefined)[] = [];
  const stops = all.map((each) => each.watch((material) => heard.push(material?.bundle)));
  bundle.set({ trustDomain: 'demo.mesh', roots: both });
  expect(heard).toEqual([both, both]);
  for (const [at, each] of all.entries()) {
    const after = each.get();
    expect(after?.bundle).toEqual(both);
    const { bundle: _both, ...leaf } = after ?? {};
    const { bundle: _one, ...leafBefore } = before[at] ?? {};
    expect(leaf).toEqual(leafBefore);
  }
  for (const stop of stops) stop();
  bundle.set({ trustDomain: 'demo.mesh', roots: both.slice(1) });
  expect(heard).toHaveLength(2);
  svids.dispose();
});

test('one value serves all proxies of an identity, so that its bytes are made once', () => {
  const { svids, secrets } = start();
  expect(secrets(member('a-1.shop')).get() === secrets(member('a-2.shop')).get()).toBe(true);
  svids.dispose();
});

test('a proxy has the named secrets of its namespace, and hears when these change', () => {
  const [authority] = authorities;
  if (authority === undefined) throw new Error('no authority');
  const svids = createSvidSource({ authority, clock });
  const secretOf = (namespace: string, text: string): NamedSecret => ({
    namespace,
    name: 'partner',
    keys: { certificateChain: text, privateKey: new Secret(`key of ${text}`), notAfter: 0 },
  });
  const [ours, theirs] = [secretOf('shop', 'ours'), secretOf('bank', 'theirs')];
  const named = createCell<NamedSecretSet>(
    new Map([
      ['shop', [ours]],
      ['bank', [theirs]],
    ]),
  );
  const secrets = createProxySecrets(authority, svids, () => undefined, { named, systemRootsFile: '/roots.pem' });
  const [one, two] = ['a-1.shop', 'a-2.shop'].map((id) => secrets(member(id)));
  const before = one?.get();
  expect(before).toMatchObject({
    systemRootsFile: '/roots.pem',
    named: [{ name: 'partner', keys: { certificateChain: 'ours', privateKey: 'key of ours' } }],
  });
  expect(two?.get()).toBe(before);
  let heard = 0;
  const stop = one?.watch(() => {
    heard += 1;
  });
  named.set(
    new Map([
      ['shop', named.get().get('shop') ?? []],
      ['bank', []],
    ]),
  );
  expect([heard, one?.get()]).toEqual([0, before]);
  named.set(new Map([['shop', [secretOf('shop', 'new'), secretOf('shop', 'more')]]]));
  expect(heard).toBe(1);
  expect(one?.get()?.named?.map(({ keys }) => keys?.certificateChain)).toEqual(['new', 'more']);
  stop?.();
  svids.dispose();
});
