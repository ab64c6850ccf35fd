import { expect } from 'vitest';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType, listenerType } from '../../src/xds/resource-types.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { conform, type LaneFixture } from './conform.ts';
import { deltaPeer, type Peer, sotwPeer, type Told } from './peer.ts';
import { cluster, eventually, listener } from './xds-fixture.ts';

/** As Envoy says that a field of some resource cannot be read: nothing of the response is applied, and nobody is named. */
const nobodyNamed = 'Invalid duration: Expected positive duration: goo.gle/debugonly  \nseconds: -1\n';
const badMark = 666;
const names = Array.from({ length: 40 }, (_, index) => `n${String(index).padStart(2, '0')}`);
const shared = { open: () => ({ ok: 'snapshots' as const }), quiet: { quiet: 0 } };
const types = [
  { typeUrl: clusterType, make: cluster },
  { typeUrl: listenerType, make: listener },
];

/** Answers everything as Envoy does, until the fixture is closed: a response is taken or refused as a whole. */
function envoyLike(peer: Peer, variant: Variant, isBad: (value: string) => boolean) {
  const all: { readonly told: Told; readonly taken: boolean }[] = [];
  const holds = new Map<string, string>();
  const answerAll = async () => {
    for (;;) {
      const told = await peer.next(60_000);
      const taken = ![...told.values.values()].some(isBad);
      all.push({ told, taken });
      if (taken) {
        if (variant === 'sotw') holds.clear();
        for (const [name, value] of told.values) holds.set(name, value);
        for (const name of told.removed) holds.delete(name);
        peer.ack(told);
      } else peer.nack(told, nobodyNamed);
    }
  };
  void answerAll().catch(() => undefined);
  return { all, holds };
}

function sceneOf(fixture: LaneFixture, typeUrl: string, make: (name: string, mark?: number) => Resource) {
  const { server } = fixture;
  const bytes = (resource: Resource) => Buffer.from(resource.value).toString('hex');
  const bad = new Set(names.map((name) => bytes(make(name, badMark))));
  return {
    server,
    client(id: string, variant: Variant) {
      const peer =
        variant === 'delta'
          ? deltaPeer(fixture.delta(typeUrl), typeUrl, { id })
          : sotwPeer(fixture.sotw(typeUrl), typeUrl, { id });
      peer.ask();
      return envoyLike(peer, variant, (value) => bad.has(value));
    },
    wants: (mark: number, culprits: readonly string[], otherwise: number) =>
      names.map((name) => make(name, culprits.includes(name) ? otherwise : mark)),
    holding: (resources: readonly Resource[]) => new Map(resources.map((resource) => [resource.name, bytes(resource)])),
    /** Nothing is owed to anybody, and nothing in flight. */
    settled: (clients: number) =>
      eventually(() => {
        const all = server.status().flatMap((stream) => stream.types);
        return (
          all.length === clients && all.every(({ owed, inFlightSince }) => owed === 0 && inFlightSince === undefined)
        );
      }, 'all is settled'),
    convicted: () =>
      server
        .quarantine()
        .map(({ name }) => name)
        .sort(),
  };
}

for (const { typeUrl, make } of types)
  for (const culprits of [['n17'], ['n03', 'n31'], ['n01', 'n08', 'n19', 'n20', 'n38']]) {
    const type = typeUrl.split('.').at(-1);
    const count = culprits.length;
    conform(
      `X38 X44 M3 E15 a set of 40 of type ${type} is refused without a name: ${count} to blame, found by halves`,
      async ({ start }) => {
        const scene = sceneOf(await start(undefined, shared), typeUrl, make);
        const { server } = scene;
        server.set(scene.wants(1, [], 1));
        const first = scene.client('one', 'sotw');
        await scene.settled(1);
        server.set(scene.wants(2, culprits, badMark));
        await eventually(() => first.all.length > 1, 'the change is told');
        await scene.settled(1);
        const stands = scene.holding(scene.wants(2, culprits, 1));
        expect(first.holds).toEqual(stands);
        expect(first.all.length).toBeLessThanOrEqual(3 + count * 8);
        // The set that was refused is not repeated, nor is any other.
        expect(new Set(first.all.map(({ told }) => told.version)).size).toBe(first.all.length);
        expect([scene.convicted(), server.quarantine().every(({ everywhere }) => everywhere)]).toEqual([
          culprits,
          true,
        ]);
        const [status] = server.status();
        expect(status?.types[0]?.differing.map(({ name, owed }) => [name, owed]).sort()).toEqual(
          culprits.map((name) => [name, false]),
        );
        // Whoever comes, in either variant, is spared the culprits and gets everything else.
        const later = [scene.client('two', 'sotw'), scene.client('three', 'delta')];
        await scene.settled(3);
        for (const { all, holds } of later) {
          expect(all.map(({ taken }) => taken)).toEqual([true]);
          expect(holds).toEqual(stands);
        }
        server.set(scene.wants(3, [], 3));
        await eventually(() => later.every(({ all }) => all.length > 1), 'what is mended is told');
        await scene.settled(3);
        for (const { all, holds } of [first, ...later]) {
          expect(all.at(-1)?.taken).toBe(true);
          expect(holds).toEqual(scene.holding(scene.wants(3, [], 3)));
        }
        expect([
          scene.convicted(),
          server.status().flatMap((stream) => stream.types.map(({ error }) => error)),
        ]).toEqual([[], [undefined, undefined, undefined]]);
        expect(server.status().flatMap((stream) => stream.types.flatMap(({ differing }) => differing))).toEqual([]);
      },
    );
  }

conform('X38 X44 while the culprit is looked for on one stream its equals are withheld nothing', async ({ start }) => {
  const scene = sceneOf(await start(undefined, shared), clusterType, cluster);
  const { server } = scene;
  server.set(scene.wants(1, [], 1));
  const clients = [
    scene.client('one', 'sotw'),
    scene.client('two', 'sotw'),
    scene.client('three', 'delta'),
    scene.client('four', 'sotw'),
  ];
  await scene.settled(4);
  server.set(scene.wants(2, ['n17', 'n30'], badMark));
  await eventually(() => clients.every(({ all }) => all.length > 1), 'the change is told');
  await scene.settled(4);
  for (const { holds } of clients) expect(holds).toEqual(scene.holding(scene.wants(2, ['n17', 'n30'], 1)));
  expect(scene.convicted()).toEqual(['n17', 'n30']);
  server.set(scene.wants(2, ['n17'], badMark));
  await eventually(() => scene.convicted().length === 1, 'one is mended');
  await scene.settled(4);
  for (const { holds } of clients) expect(holds).toEqual(scene.holding(scene.wants(2, ['n17'], 1)));
});

conform('X38 while nobody is convicted the suspects are offered to others', async ({ start }) => {
  const fixture = await start(undefined, shared);
  const { server } = fixture;
  server.set([cluster('a'), cluster('b')]);
  const slow = sotwPeer(fixture.sotw(clusterType), clusterType, { id: 'slow' });
  slow.ask();
  await slow.take();
  server.set([cluster('a', 2), cluster('b', 2)]);
  slow.nack(await slow.next(), nobodyNamed);
  // It is tried with one of them, and does not answer yet.
  expect((await slow.next()).names).toEqual(['a', 'b']);
  expect(server.quarantine()).toEqual([]);
  const [status] = server.status();
  expect(status?.types[0]).toMatchObject({ owed: 1, error: { names: ['a', 'b'] } });
  const other = deltaPeer(fixture.delta(clusterType), clusterType, { id: 'other' });
  other.ask();
  expect((await other.take()).values.get('b')).toBe(Buffer.from(cluster('b', 2).value).toString('hex'));
});
