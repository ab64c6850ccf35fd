import { expect } from 'vitest';
import { clusterType, endpointType, secretType } from '../../src/xds/resource-types.ts';
import { conform, conformBoth } from './conform.ts';
import { cluster, endpoints, eventually, node, secret } from './xds-fixture.ts';

conformBoth(
  'X37 X38 X42 a refused resource is an error that is kept, and content that does not come again',
  async (lab) => {
    const fixture = await lab.start([endpoints('a'), endpoints('b')]);
    const { server } = fixture;
    const type = () => server.status()[0]?.types[0];
    const peer = fixture.peer(endpointType);
    peer.ask(['a', 'b']);
    await peer.take();
    await eventually(() => type()?.ackedAt !== undefined, 'the ACK is noted');
    fixture.set([endpoints('a', 2), endpoints('b')]);
    peer.nack(await peer.next(), 'malformed IP address: x');
    await peer.silence();
    expect(type()?.error).toMatchObject({ names: ['a'], message: 'malformed IP address: x' });
    fixture.set([endpoints('a', 2), endpoints('b', 2)]);
    expect((await peer.take()).names).toEqual(['b']);
    await peer.silence();
    fixture.set([endpoints('a', 3), endpoints('b', 2)]);
    expect((await peer.take()).names).toEqual(['a']);
    await eventually(() => type()?.error === undefined, 'the ACK clears the error');
  },
);

conform('X37 a new resource that is bad is refused at a version that is otherwise accepted', async ({ start }) => {
  const fixture = await start([endpoints('a')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a', 'b'] });
  const first = await stream.next();
  const taken = { typeUrl: endpointType, versionInfo: first.versionInfo, resourceNames: ['a', 'b'] };
  stream.send({ ...taken, responseNonce: first.nonce });
  fixture.set([endpoints('a'), endpoints('b')]);
  const second = await stream.next();
  // The version stays as it was, which says nothing; error_detail does.
  stream.send({ ...taken, responseNonce: second.nonce, errorDetail: { code: 13, message: 'no' } });
  await stream.silence();
  expect(fixture.server.status()[0]?.types[0]?.error?.names).toEqual(['b']);
});

conform('X40 a NACK that bears the version just sent is a NACK', async ({ start }) => {
  const fixture = await start([endpoints('a'), endpoints('b')]);
  const stream = fixture.sotw(endpointType);
  stream.send({ node, typeUrl: endpointType, resourceNames: ['a'] });
  const { nonce, versionInfo } = await stream.next();
  const again = { typeUrl: endpointType, responseNonce: nonce, versionInfo, resourceNames: ['a'] };
  stream.send({ ...again, errorDetail: { code: 3, message: 'in part' } });
  await stream.silence();
  expect(fixture.server.status()[0]?.types[0]?.error).toMatchObject({ names: ['a'], message: 'in part' });
  expect(fixture.events.filter(({ kind }) => kind === 'acked')).toEqual([]);
});

conformBoth('X44 one bad among a hundred keeps none of the others back', async ({ start }) => {
  const names = Array.from({ length: 100 }, (_, index) => `e${String(index).padStart(2, '0')}`);
  const fixture = await start(names.map((name) => endpoints(name)));
  const peer = fixture.peer(endpointType);
  const taken = new Map<string, string>();
  peer.ask(names);
  const keep = (told: { readonly values: ReadonlyMap<string, string> }) => {
    for (const [name, value] of told.values) taken.set(name, value);
  };
  keep(await peer.take());
  fixture.set(names.map((name) => endpoints(name, 2)));
  for (let round = 0; round < 102 && taken.size > 0; round += 1) {
    const told = await peer.next();
    if (told.names.includes('e42')) peer.nack(told, 'malformed IP address: not.an.ip');
    else {
      keep(told);
      peer.ack(told);
    }
    const fresh = names.filter((name) => taken.get(name) === Buffer.from(endpoints(name, 2).value).toString('hex'));
    if (fresh.length === 99) break;
  }
  expect(names.filter((name) => taken.get(name) !== Buffer.from(endpoints(name, 2).value).toString('hex'))).toEqual([
    'e42',
  ]);
  const { server } = fixture;
  await eventually(() => server.status()[0]?.types[0]?.error?.names.join() === 'e42', 'only e42 is refused');
  await peer.silence();
});

conformBoth('X44 SDS travels one secret per response from the start', async ({ start }) => {
  const fixture = await start(['s1', 's2', 's3'].map((name) => secret(name)));
  const peer = fixture.peer(secretType);
  peer.ask(['s1', 's2', 's3']);
  const told = [await peer.take(), await peer.take(), await peer.take()];
  expect(told.map(({ names }) => names.join()).sort()).toEqual(['s1', 's2', 's3']);
  await peer.silence();
});

conformBoth('X42 a later ACK ends an error of which nothing is left', async ({ start }) => {
  const fixture = await start([cluster('a'), cluster('b')]);
  const { server } = fixture;
  const error = () => server.status()[0]?.types[0]?.error;
  const peer = fixture.peer(clusterType);
  peer.ask();
  await peer.take();
  fixture.set([cluster('a', 2), cluster('b')]);
  peer.nack(await peer.next(), 'Error adding/updating cluster(s) a: REASON');
  await eventually(() => error()?.names.join() === 'a', 'the NACK is noted');
  fixture.set([cluster('a'), cluster('b', 2)]);
  await peer.take();
  await eventually(() => error() === undefined, 'the error ends');
});
