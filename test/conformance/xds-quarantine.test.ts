import { expect } from 'vitest';
import { createResource } from '../../src/xds/resource.ts';
import { endpointType, runtimeType } from '../../src/xds/resource-types.ts';
import { conformBoth } from './conform.ts';
import { endpoints, eventually } from './xds-fixture.ts';

conformBoth('X38 what one client refused is offered to no equal one; a new stream gets the good form', async (lab) => {
  const fixture = await lab.start([endpoints('a'), endpoints('b')]);
  const { server, set } = fixture;
  const first = fixture.peer(endpointType);
  first.ask(['a', 'b']);
  const good = await first.take();
  set([endpoints('a', 2), endpoints('b')]);
  first.nack(await first.next(), 'malformed IP address: x');
  await eventually(() => server.quarantine().length === 1, 'the refusal is kept');
  expect(server.quarantine()).toMatchObject([{ name: 'a', version: endpoints('a', 2).version }]);
  const second = fixture.peer(endpointType);
  second.ask(['a', 'b']);
  const told = await second.take();
  expect([told.names, told.values.get('a')]).toEqual([['a', 'b'], good.values.get('a')]);
  await second.silence();
  set([endpoints('a', 3), endpoints('b')]);
  for (const peer of [first, second]) expect((await peer.take()).names).toEqual(['a']);
});

conformBoth('X38 a refusal that is given free is offered again', async (lab) => {
  const fixture = await lab.start([endpoints('a')]);
  const { server, set } = fixture;
  const peer = fixture.peer(endpointType);
  peer.ask(['a']);
  await peer.take();
  set([endpoints('a', 2)]);
  peer.nack(await peer.next(), 'no');
  await eventually(() => server.quarantine().length === 1, 'the refusal is kept');
  expect(server.release(({ name }) => name === 'a')).toBe(1);
  const again = fixture.peer(endpointType);
  again.ask(['a']);
  expect((await again.take()).values.get('a')).toBe(Buffer.from(endpoints('a', 2).value).toString('hex'));
});

conformBoth(
  'X38 content that was refused and comes back is not offered; what was taken last stays',
  async ({ start }) => {
    const fixture = await start([endpoints('a')]);
    const { server, set } = fixture;
    const peer = fixture.peer(endpointType);
    peer.ask(['a']);
    await peer.take();
    set([endpoints('a', 2)]);
    peer.nack(await peer.next(), 'no');
    await eventually(() => server.quarantine().length === 1, 'the refusal is kept');
    set([endpoints('a', 3)]);
    await peer.take();
    await eventually(() => server.status()[0]?.types[0]?.inFlightSince === undefined, 'the ACK is noted');
    set([endpoints('a', 2)]);
    await peer.silence();
    set([endpoints('a', 4)]);
    expect((await peer.take()).values.get('a')).toBe(Buffer.from(endpoints('a', 4).value).toString('hex'));
  },
);

conformBoth(
  'X90 X115 M4 what an equal client refused, and no good form is known of, is answered at once with nothing',
  async (lab) => {
    for (const typeUrl of [endpointType, runtimeType]) {
      // Only the name stands in the first field of both.
      const fixture = await lab.start([createResource({ ...endpoints('a', 2), typeUrl })]);
      const first = fixture.peer(typeUrl);
      first.ask(['a']);
      first.nack(await first.next(), 'malformed IP address: x');
      await eventually(() => fixture.server.quarantine().length === 1, 'the refusal is kept');
      await first.silence();
      const second = fixture.peer(typeUrl);
      second.ask(['a']);
      const { names, removed, values } = await second.take();
      const isRemoved = lab.variant === 'delta' && typeUrl === endpointType;
      expect([names, removed]).toEqual(isRemoved ? [[], ['a']] : [['a'], []]);
      if (!isRemoved) expect(values.get('a')).toBe('0a0161');
      await second.silence();
    }
  },
);
