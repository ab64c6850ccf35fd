import { expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { readCertificates, subjectAltNames } from '../../src/ca/certificate.ts';
import { createSvidSource } from '../../src/ca/svid-source.ts';
import { createTrustDesk } from '../../src/control-plane/trust-desk.ts';
import { parseSpiffeId } from '../../src/model/identity.ts';
import { trustDomainsOf } from '../../src/model/mesh-config.ts';
import { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createDirectory } from '../../src/telemetry/directory.ts';
import { createJumpingClock } from '../support/jumping-clock.ts';
import { memoryStore } from '../support/memory-store.ts';

/* A trust domain that gets another name (docs/trust-domains.md, docs/decisions/61). */

const frontend = { trustDomain: 'new.mesh', namespace: 'shop', serviceAccount: 'frontend' };

async function renamed() {
  const [store, clock] = [memoryStore(), createJumpingClock()];
  const before = await openAuthority({ store, clock, trustDomain: 'old.mesh' });
  const [root] = before.bundle.get().roots;
  before.dispose();
  const authority = await openAuthority({ store, clock, trustDomain: 'new.mesh', former: ['older.mesh', 'old.mesh'] });
  return { store, clock, root, authority };
}

const urisOf = (chain: string) => readCertificates(chain).map((certificate) => subjectAltNames(certificate).uris);

it('a former name is taken where it is accepted, and nowhere else; the hint says how', async () => {
  const { store, clock, authority } = await renamed();
  authority.dispose();
  await expect(openAuthority({ store, clock, trustDomain: 'new.mesh' })).rejects.toMatchObject({
    code: 'WEFT0908',
    message: 'the state dir belongs to trust domain "old.mesh", this server is set to "new.mesh"',
    hint: expect.stringContaining('ca.acceptFormer: [old.mesh]'),
  });
  await expect(openAuthority({ store, clock, trustDomain: 'new.mesh', former: ['other.mesh'] })).rejects.toMatchObject({
    code: 'WEFT0908',
  });
});

it('the root stays, what it signs has the new name, and nothing is signed under the old one any more', async () => {
  const { root, authority } = await renamed();
  expect(authority.bundle.get()).toEqual({ trustDomain: 'new.mesh', roots: [root] });
  const leaf = authority.issue(frontend);
  expect(urisOf(leaf.certificateChain)).toEqual([['spiffe://new.mesh/ns/shop/sa/frontend'], ['spiffe://old.mesh']]);
  expect(() => authority.issue({ ...frontend, trustDomain: 'old.mesh' })).toThrow(/another trust domain/);
});

it('an issuer that is renewed meanwhile is still of its root, and is read again', async () => {
  const { store, clock, authority } = await renamed();
  const first = authority.info().issuer.fingerprint;
  clock.advance(200 * 86_400_000);
  const second = authority.info().issuer.fingerprint;
  expect(second).not.toBe(first);
  authority.dispose();
  const again = await openAuthority({ store, clock, trustDomain: 'new.mesh', former: ['old.mesh'] });
  expect(again.issue(frontend).spiffeId).toBe('spiffe://new.mesh/ns/shop/sa/frontend');
});

it('the next root has the new name; after it the former one need not be accepted', async () => {
  const { store, clock, authority } = await renamed();
  const nobody = () => [];
  await authority.rotate({ kind: 'prepare', by: 'test' });
  expect(authority.bundle.get().roots.map((pem) => urisOf(pem))).toEqual([
    [['spiffe://old.mesh']],
    [['spiffe://new.mesh']],
  ]);
  await authority.rotate({ kind: 'activate', pending: nobody });
  authority.dispose();
  const between = await openAuthority({ store, clock, trustDomain: 'new.mesh', former: ['old.mesh'] });
  expect(urisOf(between.issue(frontend).certificateChain)[1]).toEqual(['spiffe://new.mesh']);
  await between.rotate({ kind: 'finish', pending: nobody });
  between.dispose();
  const after = await openAuthority({ store, clock, trustDomain: 'new.mesh' });
  expect(after.bundle.get().roots.map((pem) => urisOf(pem))).toEqual([[['spiffe://new.mesh']]]);
});

it('whoever keeps its own key and was signed for under the old name is asked to renew, once', async () => {
  const { clock, authority } = await renamed();
  const svids = createSvidSource({ authority, clock });
  const { publicKey } = readCertificates(authority.issue(frontend).certificateChain)[0] ?? {};
  if (publicKey === undefined) throw new Error('no certificate');
  const desk = createTrustDesk(authority, svids, true);
  expect(desk.answer('frontend-1.shop', undefined, true).renew).toBe(true);
  expect(desk.answer('frontend-1.shop', undefined, false).renew).toBe(false);
  svids.issue(frontend, publicKey, 'frontend-1.shop');
  expect(desk.answer('frontend-1.shop', undefined, true).renew).toBe(false);
  expect(createTrustDesk(authority, svids).answer('reviews-1.shop', undefined, true).renew).toBe(false);
});

it('former names count as aliases in policies (P36, P43), and calls under them as those of the workload', () => {
  const settings = {
    trustDomain: 'new.mesh',
    formerTrustDomains: ['old.mesh'],
    dnsSuffix: 'cluster.local',
    rootNamespace: 'istio-system',
  };
  expect(trustDomainsOf({ objects: [] }, settings)).toEqual(['new.mesh', 'old.mesh']);
  const workload: Workload = {
    id: 'frontend-1.shop',
    name: 'frontend-1',
    namespace: 'shop',
    service: 'front',
    labels: {},
    identity: 'spiffe://new.mesh/ns/shop/sa/frontend',
    serviceAccount: 'frontend',
  } as unknown as Workload;
  const directory = createDirectory(createCell(new Map([[workload.id, workload]])), () => undefined, settings);
  const serviceOf = (domain: string) => directory.serviceOf(`spiffe://${domain}/ns/shop/sa/frontend`)?.service;
  expect([serviceOf('new.mesh'), serviceOf('old.mesh'), serviceOf('other.mesh')]).toEqual([
    'front',
    'front',
    undefined,
  ]);
  expect(parseSpiffeId('spiffe://old.mesh/ns/shop/sa/frontend')?.trustDomain).toBe('old.mesh');
});
