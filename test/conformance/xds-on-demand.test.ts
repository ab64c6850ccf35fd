import { expect } from 'vitest';
import { encode } from '../../src/proto/codec.ts';
import { VirtualHostSchema } from '../../src/proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, listenerType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { conform, conformAds } from './conform.ts';
import { ack, nack, namesIn, nextAcked } from './delta-words.ts';
import { cluster, eventually, listener, node, route } from './xds-fixture.ts';

/** A virtual host of the route configuration `out`, asked for by any of its hosts. */
function virtualHost(name: string, hosts: readonly string[], mark = 1): Resource {
  return createResource({
    typeUrl: virtualHostType,
    name: `out/${name}`,
    value: encode(VirtualHostSchema, { name, domains: [...hosts, `mark-${mark}`] }),
    aliases: [name, ...hosts].map((host) => `out/${host}`),
  });
}

const svc = (mark = 1) => virtualHost('svc', ['svc:8080', 'svc.shop'], mark);
type Answer = Awaited<ReturnType<typeof nextAcked>>;
const told = ({ resources }: Answer) =>
  resources.map(({ name, aliases, resource }) => [name, aliases.toSorted(), resource !== undefined]);

conform('X83 X111 a host is found under every alias, and answered with its real name and them', async ({ start }) => {
  const fixture = await start([svc()]);
  const stream = fixture.delta(virtualHostType);
  stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc:8080'] });
  const answer = await nextAcked(stream);
  expect(answer.resources.map(({ name }) => name)).toEqual(['out/svc']);
  expect(answer.resources[0]?.aliases).toContain('out/svc:8080');
  fixture.set([svc(2)]);
  const changed = await nextAcked(stream);
  expect([changed.resources[0]?.name, changed.resources[0]?.version]).toEqual(['out/svc', svc(2).version]);
  expect(changed.resources[0]?.aliases).toContain('out/svc:8080');
  stream.send({ typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc.shop'] });
  expect((await nextAcked(stream)).resources[0]?.aliases).toContain('out/svc.shop');
  await stream.silence();
});

conform(
  'X72 X109 X111 an unknown host is a resource without content, never a removal; X73 it comes when it exists',
  async (lab) => {
    const fixture = await lab.start([]);
    const stream = fixture.delta(virtualHostType);
    stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/later:80'] });
    const unknown = await nextAcked(stream);
    expect([told(unknown), unknown.removedResources]).toEqual([[['out/later:80', ['out/later:80'], false]], []]);
    fixture.set([virtualHost('later', ['later:80'])]);
    const found = await nextAcked(stream);
    expect([found.resources[0]?.name, found.resources[0]?.resource !== undefined]).toEqual(['out/later', true]);
    expect(found.resources[0]?.aliases).toContain('out/later:80');
    fixture.set([]);
    const gone = await nextAcked(stream);
    expect(gone.removedResources).toEqual([]);
    expect(gone.resources.map(({ resource }) => resource)).toEqual([undefined]);
    expect([gone.resources[0]?.name, ...(gone.resources[0]?.aliases ?? [])]).toContain('out/later:80');
    await stream.silence();
  },
);

conform(
  'X44 X83 E16 hosts asked for under an alias come again one by one after a NACK, and only the culprit stays as it was',
  async ({ start }) => {
    const all = (mark: number) => ['a', 'b', 'c'].map((name) => virtualHost(name, [`${name}:80`], mark));
    const fixture = await start(all(1));
    const stream = fixture.delta(virtualHostType);
    const resourceNamesSubscribe = ['out/a:80', 'out/b:80', 'out/c:80'];
    stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe });
    await nextAcked(stream);
    fixture.set(all(2));
    nack(stream, await stream.next(), 'missing ): a(');
    for (let count = 0; count < 3; count += 1) {
      const response = await stream.next();
      expect(response.resources).toHaveLength(1);
      if (namesIn(response)[0] === 'out/b') nack(stream, response, 'missing ): a(');
      else ack(stream, response);
    }
    await stream.silence();
    const { server } = fixture;
    expect(server.quarantine()).toMatchObject([{ name: 'out/b', everywhere: true, good: all(1)[1]?.version }]);
    const ofHosts = server.status()[0]?.types[0];
    expect(ofHosts?.differing).toEqual([{ name: 'out/b:80', version: all(1)[1]?.version, owed: false }]);
    stream.send({ typeUrl: virtualHostType, resourceNamesSubscribe: ['out/b:80'] });
    expect((await nextAcked(stream)).resources[0]?.version).toBe(all(1)[1]?.version);
  },
);

conform(
  'X111 M4 a host that was refused, and of which no good form is known, is absent for whoever asks, the refuser included',
  async ({ start }) => {
    const fixture = await start([svc()]);
    const ask = async (refuses: boolean) => {
      const stream = fixture.delta(virtualHostType);
      stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc:8080'] });
      if (refuses) nack(stream, await stream.next(), 'missing ): a(');
      return nextAcked(stream);
    };
    for (const refuses of [true, false]) {
      const absent = await ask(refuses);
      expect(absent.removedResources).toEqual([]);
      expect(told(absent)).toEqual([['out/svc:8080', ['out/svc:8080'], false]]);
    }
  },
);

conform('X38 X83 what an equal client took under an alias is refused for nobody else', async ({ start }) => {
  const fixture = await start([svc()]);
  const open = () => {
    const stream = fixture.delta(virtualHostType);
    stream.send({ node, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc:8080'] });
    return stream;
  };
  await nextAcked(open());
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.ackedVersion !== '', 'the ACK is noted');
  const refuser = open();
  nack(refuser, await refuser.next(), 'missing ): a(');
  await eventually(() => server.quarantine().length === 1, 'the refusal is kept');
  expect(server.quarantine()).toMatchObject([{ name: 'out/svc', everywhere: false }]);
});

conform(
  'X67 the first request of VHDS, which names nobody, is answered with a host that nobody asks for',
  async ({ start }) => {
    const fixture = await start([svc()]);
    const stream = fixture.delta(virtualHostType);
    stream.send({ node, typeUrl: virtualHostType });
    const first = await nextAcked(stream);
    expect(first.resources).toHaveLength(1);
    expect(first.resources[0]?.resource).toBeDefined();
    expect(first.resources[0]?.name).not.toContain('svc');
    fixture.set([svc(2)]);
    await stream.silence();
  },
);

conformAds('X112 an RDS update repeats no virtual host', async ({ start }) => {
  const fixture = await start([route('out'), svc()]);
  const stream = fixture.client.delta();
  stream.send({ node, typeUrl: routeType, resourceNamesSubscribe: ['out'] });
  await nextAcked(stream);
  stream.send({ typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc:8080'] });
  await nextAcked(stream);
  fixture.set([route('out', 2), svc()]);
  const update = await nextAcked(stream);
  expect([update.typeUrl, namesIn(update)]).toEqual([routeType, ['out']]);
  await stream.silence();
});

conform(
  'X113 a cluster asked for on demand and unknown is removed at once, and pushed if it ever comes',
  async ({ start }) => {
    const fixture = await start([cluster('known')]);
    const stream = fixture.delta(clusterType);
    // Before and after it the wildcard of an ordinary CDS subscription.
    stream.send({ node, typeUrl: clusterType });
    expect(namesIn(await nextAcked(stream))).toEqual(['known']);
    stream.send({ typeUrl: clusterType, resourceNamesSubscribe: ['wished'] });
    const unknown = await nextAcked(stream);
    expect([namesIn(unknown), unknown.removedResources]).toEqual([[], ['wished']]);
    await stream.silence();
    fixture.set([cluster('known'), cluster('wished')]);
    expect(namesIn(await nextAcked(stream))).toEqual(['wished']);
  },
);

conform('X113 without a wildcard on-demand clusters are those asked for, and no others', async ({ start }) => {
  const fixture = await start([cluster('one'), cluster('two')]);
  const stream = fixture.delta(clusterType);
  stream.send({ node, typeUrl: clusterType, resourceNamesSubscribe: ['one', 'none'] });
  const answer = await nextAcked(stream);
  expect([namesIn(answer), answer.removedResources]).toEqual([['one'], ['none']]);
  fixture.set([cluster('one'), cluster('two', 2), cluster('three')]);
  await stream.silence();
});

conformAds(
  'X114 X119 an extension or secret that an accepted listener refers to is not removed before it',
  async (lab) => {
    const extensionType = 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig';
    const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
    for (const typeUrl of [extensionType, secretType]) {
      const used = createResource({ typeUrl, name: 'used', value: encode(VirtualHostSchema, { name: 'used' }) });
      const user = createResource({ ...listener('l'), references: [{ typeUrl, name: 'used' }] });
      const fixture = await lab.start([user, used]);
      const stream = fixture.client.delta();
      stream.send({ node, typeUrl: listenerType });
      await nextAcked(stream);
      stream.send({ typeUrl, resourceNamesSubscribe: ['used'] });
      await nextAcked(stream);
      fixture.set([listener('l', 2)]);
      const switched = await stream.next();
      expect([switched.typeUrl, namesIn(switched)]).toEqual([listenerType, ['l']]);
      // The listener is not accepted yet, so the old one may still be at work.
      await stream.silence();
      stream.send({ typeUrl: listenerType, responseNonce: switched.nonce });
      const gone = await nextAcked(stream);
      expect([gone.typeUrl, gone.removedResources]).toEqual([typeUrl, ['used']]);
      const { server } = fixture;
      await eventually(() => server.status()[0]?.types.every(({ owed }) => owed === 0) === true, 'nothing is owed');
    }
  },
);

conform('X109 no heartbeat for a virtual host, even one with a TTL', async ({ start }) => {
  const fixture = await start([createResource({ ...svc(), ttl: 120 })]);
  const stream = fixture.delta(virtualHostType);
  const clientFeatures = ['xds.config.supports-resource-ttl'];
  stream.send({ node: { ...node, clientFeatures }, typeUrl: virtualHostType, resourceNamesSubscribe: ['out/svc'] });
  await nextAcked(stream);
  await stream.silence(300);
});
