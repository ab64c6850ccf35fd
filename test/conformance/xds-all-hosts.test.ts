import { expect } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { VirtualHostSchema } from '../../src/proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, listenerType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { conform, conformAds } from './conform.ts';
import { namesIn, nextAcked } from './delta-words.ts';
import { cluster, listener, node, route } from './xds-fixture.ts';

/** A server that sends all virtual hosts, asked for or not (decision 42). */
const all = { virtualHosts: 'all' } as const;

function virtualHost(name: string, mark = 1, references: Resource['references'] = []): Resource {
  const host = `out/${name}`;
  const value = encode(VirtualHostSchema, { name: host, domains: [name, `mark-${mark}`] });
  return createResource({ typeUrl: virtualHostType, name: host, value, references });
}

conform(
  'decision 42: a first request without names gets every virtual host, and then what changes',
  async ({ start }) => {
    const fixture = await start([virtualHost('a'), virtualHost('b')], all);
    const stream = fixture.delta(virtualHostType);
    stream.send({ node, typeUrl: virtualHostType });
    expect(namesIn(await nextAcked(stream)).toSorted()).toEqual(['out/a', 'out/b']);
    fixture.set([virtualHost('a', 2), virtualHost('b')]);
    const changed = await nextAcked(stream);
    expect([namesIn(changed), changed.removedResources]).toEqual([['out/a'], []]);
    fixture.set([virtualHost('a', 2), virtualHost('c')]);
    const others = await nextAcked(stream);
    expect([namesIn(others), others.removedResources]).toEqual([['out/c'], ['out/b']]);
    await stream.silence();
  },
);

conform(
  'decision 42: who returns with all of them is sent nothing, and what has gone is removed',
  async ({ start }) => {
    const [a, b] = [virtualHost('a'), virtualHost('b')];
    const fixture = await start([a, b], all);
    const same = fixture.delta(virtualHostType);
    const held = (...hosts: readonly Resource[]) =>
      Object.fromEntries(hosts.map(({ name, version }) => [name, version]));
    same.send({ node, typeUrl: virtualHostType, initialResourceVersions: held(a, b) });
    await same.silence();
    const other = fixture.delta(virtualHostType);
    other.send({ node, typeUrl: virtualHostType, initialResourceVersions: held(a, virtualHost('gone')) });
    const answer = await nextAcked(other);
    expect([namesIn(answer), answer.removedResources]).toEqual([['out/b'], ['out/gone']]);
  },
);

conform('decision 42: who names some is sent all the same', async ({ start }) => {
  const fixture = await start([virtualHost('a'), virtualHost('b')], all);
  const stream = fixture.delta(virtualHostType);
  stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/a'] });
  expect(namesIn(await nextAcked(stream)).toSorted()).toEqual(['out/a', 'out/b']);
});

conformAds(
  'X92 decision 42: a cluster stays until the virtual host that leads to it was taken elsewhere',
  async (lab) => {
    const to = (name: string) => [{ typeUrl: clusterType, name }];
    const first = [cluster('old'), route('out'), virtualHost('a', 1, to('old'))];
    const fixture = await lab.start(first, { ...all, timing: { hold: 5_000, grace: 0 } });
    const stream = fixture.client.delta();
    stream.send({ node, typeUrl: clusterType });
    await nextAcked(stream);
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['out'] });
    await nextAcked(stream);
    stream.send({ typeUrl: virtualHostType });
    expect(namesIn(await nextAcked(stream))).toEqual(['out/a']);
    fixture.set([cluster('new'), route('out'), virtualHost('a', 2, to('new'))]);
    const made = await stream.next();
    expect([made.typeUrl, namesIn(made)]).toEqual([clusterType, ['new']]);
    // Not before the cluster is there, and the old one not before nobody is led to it.
    await stream.silence();
    stream.send({ typeUrl: clusterType, responseNonce: made.nonce });
    const switched = await stream.next();
    expect([switched.typeUrl, namesIn(switched)]).toEqual([virtualHostType, ['out/a']]);
    await stream.silence();
    stream.send({ typeUrl: virtualHostType, responseNonce: switched.nonce });
    const broken = await nextAcked(stream);
    expect([broken.typeUrl, broken.removedResources]).toEqual([clusterType, ['old']]);
  },
);

conformAds(
  'decision 42: what a returning client holds too much goes once its virtual hosts are accepted',
  async (lab) => {
    const host = virtualHost('a', 1, [{ typeUrl: clusterType, name: 'kept' }]);
    const kept = cluster('kept');
    const fixture = await lab.start([kept, listener('l'), route('out'), host], {
      ...all,
      timing: { hold: 5_000, grace: 0 },
    });
    const stream = fixture.client.delta();
    const initialResourceVersions = { kept: kept.version, gone: 'of another life' };
    stream.send({ node, typeUrl: clusterType, initialResourceVersions });
    stream.send({ typeUrl: listenerType });
    await nextAcked(stream);
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['out'] });
    const routes = await stream.next();
    // Envoy asks for the virtual hosts of what it is just taking.
    stream.send({ typeUrl: virtualHostType });
    const hosts = await stream.next();
    stream.send({ typeUrl: routeType, responseNonce: routes.nonce });
    await stream.silence();
    stream.send({ typeUrl: virtualHostType, responseNonce: hosts.nonce });
    const gone = await nextAcked(stream);
    expect([gone.typeUrl, gone.removedResources]).toEqual([clusterType, ['gone']]);
  },
);

conformAds(
  'decision 42: the hosts of a route configuration that comes later are sent after it, again if need be',
  async (lab) => {
    const other = createResource({ ...virtualHost('b'), name: 'two/b' });
    const fixture = await lab.start([route('out'), virtualHost('a')], all);
    const stream = fixture.client.delta();
    stream.send({ node, typeUrl: routeType, resourceNamesSubscribe: ['out'] });
    await nextAcked(stream);
    stream.send({ typeUrl: virtualHostType });
    await nextAcked(stream);
    // Envoy passes over hosts of what it has not heard of, and says that it took them.
    fixture.set([route('out'), virtualHost('a'), route('two'), other]);
    expect(namesIn(await nextAcked(stream))).toEqual(['two/b']);
    stream.send({ typeUrl: routeType, resourceNamesSubscribe: ['two'] });
    expect(namesIn(await nextAcked(stream))).toEqual(['two']);
    expect(namesIn(await nextAcked(stream))).toEqual(['two/b']);
    // What only changes keeps its hosts (X112).
    fixture.set([route('out', 2), virtualHost('a'), route('two'), other]);
    expect(namesIn(await nextAcked(stream))).toEqual(['out']);
    await stream.silence();
  },
);

conform('X72 decision 42: a host that never was is absent, one that was is removed', async ({ start }) => {
  const fixture = await start([virtualHost('a'), virtualHost('b')], all);
  const stream = fixture.delta(virtualHostType);
  stream.send({ node, typeUrl: virtualHostType });
  await nextAcked(stream);
  stream.send({ typeUrl: virtualHostType, resourceNamesSubscribe: ['out/never:80', 'out/a'] });
  const answer = await nextAcked(stream);
  expect(answer.resources.map(({ name, resource }) => [name, resource !== undefined]).sort()).toEqual([
    ['out/a', true],
    ['out/never:80', false],
  ]);
  expect(answer.removedResources).toEqual([]);
  fixture.set([virtualHost('b')]);
  const gone = await nextAcked(stream);
  expect([namesIn(gone), gone.removedResources]).toEqual([[], ['out/a']]);
});
