import { expect } from 'vitest';
import { endpointType } from '../../src/xds/resource-types.ts';
import { conformBoth } from './conform.ts';
import { endpoints, eventually } from './xds-fixture.ts';

const hexOf = (mark: number) => Buffer.from(endpoints('a', mark).value).toString('hex');
const wrong = endpoints('a', 2).version;
const inspect = ({ version }: { readonly version: string }) => (version === wrong ? 'not so' : undefined);

conformBoth('X38 what is found wrong is sent to nobody, newcomers included; what comes after it is', async (lab) => {
  const fixture = await lab.start([endpoints('a'), endpoints('b')], { inspect });
  const { server, set } = fixture;
  const first = fixture.peer(endpointType);
  first.ask(['a', 'b']);
  await first.take();
  set([endpoints('a', 2), endpoints('b', 2)]);
  expect((await first.take()).names).toEqual(['b']);
  expect(server.quarantine()).toMatchObject([
    {
      name: 'a',
      version: wrong,
      message: 'not so',
      node: 'the server',
      everywhere: true,
      good: endpoints('a').version,
    },
  ]);
  const second = fixture.peer(endpointType);
  second.ask(['a', 'b']);
  const told = await second.take();
  expect([told.names, told.values.get('a')]).toEqual([['a', 'b'], hexOf(1)]);
  // Offered again it is found wrong again.
  expect(server.release(() => true)).toBe(1);
  await first.silence();
  await second.silence();
  set([endpoints('a', 3), endpoints('b', 2)]);
  for (const peer of [first, second]) expect((await peer.take()).values.get('a')).toBe(hexOf(3));
  await eventually(() => server.quarantine().length === 0, 'what was taken since makes it history');
});

conformBoth(
  'what fails or answers with anything else finds nothing, and is told once for each resource',
  async (lab) => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('broken');
      },
      () => 7,
    ];
    const fixture = await lab.start([endpoints('a')], {
      inspect: () => answers[0]?.() as string | undefined,
    });
    const failures = () => fixture.events.flatMap((event) => (event.kind === 'failed' ? [String(event.error)] : []));
    const first = fixture.peer(endpointType);
    first.ask(['a']);
    expect((await first.take()).names).toEqual(['a']);
    const second = fixture.peer(endpointType);
    second.ask(['a']);
    expect((await second.take()).names).toEqual(['a']);
    answers.shift();
    fixture.set([endpoints('a', 3)]);
    for (const peer of [first, second]) expect((await peer.take()).values.get('a')).toBe(hexOf(3));
    expect(failures()).toEqual(['Error: broken', expect.stringContaining('must answer with a text')]);
  },
);
