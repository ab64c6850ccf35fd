import { expect } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import { conformBoth } from './conform.ts';
import { deltaPeer, sotwPeer } from './peer.ts';
import { cluster, eventually } from './xds-fixture.ts';

const envoy = (id: string, minorNumber: number) => ({
  id,
  userAgentName: 'envoy',
  userAgentVersionType: {
    case: 'userAgentBuildVersion' as const,
    value: { version: { majorNumber: 1, minorNumber, patch: 0 } },
  },
});

const refusal = 'Error adding/updating cluster(s) a: a field that this version does not know';
const bytesOf = (mark: number) => Buffer.from(cluster('a', mark).value).toString('hex');

conformBoth(
  'X38 the same view in another version of Envoy is offered what this one refused; equal ones are not, on old streams and new',
  async (lab) => {
    const fixture = await lab.start(undefined, { open: () => ({ ok: 'snapshots' }), quiet: { quiet: 0 } });
    const { server } = fixture;
    const start = (who: ReturnType<typeof envoy>) => {
      const peer =
        lab.variant === 'delta'
          ? deltaPeer(fixture.delta(clusterType), clusterType, who)
          : sotwPeer(fixture.sotw(clusterType), clusterType, who);
      peer.ask();
      return peer;
    };
    server.set([cluster('a'), cluster('b')]);
    const [old, equal, newer] = [start(envoy('n1', 39)), start(envoy('n2', 39)), start(envoy('n3', 40))];
    for (const peer of [old, equal, newer]) expect((await peer.take()).names).toEqual(['a', 'b']);
    const quiet = () =>
      server.status().every(({ types }) => types.every(({ inFlightSince }) => inFlightSince === undefined));
    await eventually(quiet, 'all is acknowledged');

    // Whoever of the old ones has the news in flight when the other refuses it refuses it as well.
    server.set([cluster('a', 2), cluster('b')]);
    for (const peer of [old, equal]) peer.nack(await peer.next(), refusal);
    expect((await newer.take()).values.get('a')).toBe(bytesOf(2));
    await eventually(quiet, 'all is answered');
    expect(server.quarantine()).toMatchObject([
      { scope: 'shared', agent: 'envoy 1.39.0', name: 'a', refusals: 2, everywhere: true, good: cluster('a').version },
    ]);

    // Those that come later: the form that equal ones took, or the newest.
    const [later, laterNewer] = [start(envoy('n4', 39)), start(envoy('n5', 40))];
    expect((await later.take()).values.get('a')).toBe(bytesOf(1));
    expect((await laterNewer.take()).values.get('a')).toBe(bytesOf(2));
    const all = [old, equal, newer, later, laterNewer];
    for (const peer of all) await peer.silence(50);

    // It takes what came beside the culprit, and the culprit once it is another.
    server.set([cluster('a', 2), cluster('b', 2)]);
    for (const peer of all) expect((await peer.take()).names).toContain('b');
    server.set([cluster('a', 3), cluster('b', 2)]);
    for (const peer of all) expect((await peer.take()).values.get('a')).toBe(bytesOf(3));
    await eventually(() => server.quarantine().length === 0, 'what was refused is history');
  },
);
