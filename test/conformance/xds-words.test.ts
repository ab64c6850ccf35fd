import { expect } from 'vitest';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { conform, conformAds, conformBoth } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, endpoints, eventually, listener, node, route, secret } from './xds-fixture.ts';

conformBoth('X13 every response bears the identifier of its instance', async ({ start }) => {
  const content = [endpoints('a')];
  const fixtures = [
    await start(content, { identifier: 'control-plane-1' }),
    await start(content, { identifier: 'control-plane-2' }),
  ];
  const told: string[][] = [];
  for (const fixture of fixtures) {
    const peer = fixture.peer(endpointType);
    peer.ask(['a']);
    const first = await peer.take();
    fixture.set([endpoints('a', 2)]);
    told.push([first.identifier, (await peer.take()).identifier]);
  }
  expect(told).toEqual([
    ['control-plane-1', 'control-plane-1'],
    ['control-plane-2', 'control-plane-2'],
  ]);
});

conformAds('X25 X35 X79 nonces, names, versions and types over many pushes of every type', async ({ start }) => {
  const content = (mark: number) => [
    ...['a', 'b'].flatMap((name) => [cluster(name, mark), endpoints(name, mark), listener(name, mark)]),
    ...['a', 'b'].flatMap((name) => [route(name, mark), secret(name, mark)]),
  ];
  const fixture = await start(content(1));
  const stream = fixture.client.delta();
  const nonces: string[] = [];
  const names = ['a', 'b', 'never'];
  stream.send({ node, typeUrl: clusterType });
  stream.send({ typeUrl: listenerType });
  for (const typeUrl of [endpointType, routeType, secretType]) stream.send({ typeUrl, resourceNamesSubscribe: names });
  for (let mark = 2; mark < 12; mark += 1) {
    for (let index = 0; index < 5; index += 1) {
      const { nonce, resources, removedResources, typeUrl } = await nextAcked(stream);
      nonces.push(nonce);
      for (const { name, version, resource } of resources) {
        expect(names).toContain(name);
        expect(version).not.toBe('');
        expect(resource?.typeUrl).toBe(typeUrl);
      }
      const all = [...resources.map(({ name }) => name), ...removedResources];
      expect(new Set(all).size).toBe(all.length);
    }
    fixture.set(mark % 3 === 0 ? content(mark).slice(0, 6) : content(mark));
  }
  expect(nonces).not.toContain('');
  expect(new Set(nonces).size).toBe(nonces.length);
});

conform('X31 X51 the version of a set tells sets apart, and a set that is back has its version again', async (lab) => {
  const fixture = await lab.start([cluster('a'), cluster('b')]);
  const stream = fixture.sotw(clusterType);
  stream.send({ node, typeUrl: clusterType });
  const versions: string[] = [];
  for (const next of [[cluster('a')], [cluster('a', 2)], [cluster('a'), cluster('b')], []]) {
    const { nonce, versionInfo } = await stream.next();
    versions.push(versionInfo);
    stream.send({ typeUrl: clusterType, responseNonce: nonce, versionInfo });
    fixture.set(next);
  }
  expect(versions[3]).toBe(versions[0]);
  expect(new Set(versions).size).toBe(3);
});

conform('X47 the same name twice in a request is there once', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a', 'a', 'b', 'a'] });
  const { resources, nonce, versionInfo } = await stream.next();
  expect(resources).toHaveLength(2);
  stream.send({ typeUrl: endpointType, responseNonce: nonce, versionInfo, resourceNames: ['b', 'b'] });
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.subscribed.join() === 'b', 'a is dropped');
  fixture.set([endpoints('a', 2), endpoints('b')]);
  await stream.silence();
});

conformBoth('X58 X73 a name that nobody knows is remembered, and served when it comes', async ({ start }) => {
  const fixture = await start([endpoints('other')]);
  const peer = fixture.peer(endpointType);
  peer.ask(['other', 'later']);
  await peer.take();
  fixture.set([endpoints('other'), endpoints('later')]);
  expect((await peer.take()).names).toEqual(['later']);
  await peer.silence();
});

conformBoth('X41 X62 an ACK is not answered, nor is a view that is new and equal', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const peer = fixture.peer(endpointType);
  peer.ask(['a', 'b']);
  await peer.take();
  fixture.set([endpoints('b'), endpoints('a')]);
  await peer.silence();
});

conformBoth('X57 X77 X69 what was dropped and is asked for again comes again, unchanged', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const peer = fixture.peer(endpointType);
  peer.ask(['a', 'b']);
  const first = await peer.take();
  peer.ask(['b']);
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.subscribed.join() === 'b', 'a is dropped');
  fixture.set([endpoints('a', 2), endpoints('b')]);
  await peer.silence();
  fixture.set([endpoints('a'), endpoints('b')]);
  peer.ask(['a', 'b']);
  const again = await peer.take();
  expect([again.names, again.values.get('a')]).toEqual([['a'], first.values.get('a')]);
});

conform('X85 fields that nobody knows are passed over', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const $unknown = [{ no: 4711, wireType: 0, data: Uint8Array.of(1) }];
  const locators = [{ name: 'a', dynamicParameters: { k: 'v' } }];
  const delta = fixture.delta(endpointType);
  delta.send({
    node,
    typeUrl: endpointType,
    resourceNamesSubscribe: ['a'],
    resourceLocatorsSubscribe: locators,
    resourceLocatorsUnsubscribe: locators,
    $unknown,
  });
  expect((await delta.next()).resources).toHaveLength(1);
  const sotw = fixture.sotw(endpointType);
  sotw.send({ node, typeUrl: endpointType, resourceNames: ['a'], resourceLocators: locators, $unknown });
  expect((await sotw.next()).resources).toHaveLength(1);
});

conformAds('X90 INV12 every name of every type is answered at once in delta, with nothing if need be', async (lab) => {
  const fixture = await lab.start([cluster('a')]);
  const stream = fixture.client.delta();
  const others = ['envoy.config.core.v3.TypedExtensionConfig', 'envoy.config.route.v3.ScopedRouteConfiguration'].map(
    (name) => `type.googleapis.com/${name}`,
  );
  for (const typeUrl of [endpointType, routeType, secretType, ...others]) {
    const asked = Date.now();
    stream.send({ node, typeUrl, resourceNamesSubscribe: ['nobody'] });
    const answer = await nextAcked(stream);
    expect([answer.typeUrl, answer.resources, answer.removedResources]).toEqual([typeUrl, [], ['nobody']]);
    expect(Date.now() - asked).toBeLessThan(1_000);
  }
});

conformAds('X4 SotW: a type that nobody knows neither ends the stream nor keeps another waiting', async ({ start }) => {
  const fixture = await start([cluster('a')]);
  const stream = fixture.client.sotw();
  stream.send({ node, typeUrl: 'type.googleapis.com/none.such.Thing', resourceNames: ['x'] });
  stream.send({ typeUrl: clusterType });
  const { typeUrl, resources } = await stream.next();
  expect([typeUrl, resources.length]).toEqual([clusterType, 1]);
});

conform('X31 X32 another instance with the same content in another order names it by the same version', async (lab) => {
  const content = [cluster('a'), cluster('b'), cluster('c')];
  const versions: string[] = [];
  for (const order of [content, content.toReversed()]) {
    const fixture = await lab.start(order);
    const stream = fixture.sotw(clusterType);
    stream.send({ node, typeUrl: clusterType });
    versions.push((await stream.next()).versionInfo);
  }
  expect(versions[1]).toBe(versions[0]);
});
