import { expect, test } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { type PlainEnvoy, resource, startPlainEnvoy } from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { startFixture } from './xds-fixture.ts';

/** */
const running = stoppedAfterEach();

const cluster = (name: string, connect_timeout: string) =>
  resource(clusterType, name, { name, type: 'STATIC', connect_timeout, load_assignment: { cluster_name: name } });

/** Each cluster that Envoy has, with its timeout. */
async function timeouts({ admin }: PlainEnvoy): Promise<Readonly<Record<string, string>>> {
  const entries = await admin.configDump('dynamic_active_clusters');
  const all = entries as readonly { readonly cluster: { readonly name: string; readonly connect_timeout: string } }[];
  return Object.fromEntries(all.map(({ cluster }) => [cluster.name, cluster.connect_timeout]));
}

test.each([[['sotw']], [['sotw', 'sotw']], [['sotw', 'delta']]] as const)(
  'X38 X44 M3 E15 a cluster of which Envoy refuses the whole set without a name: only it stays as it was, at %j',
  async (variants) => {
    const fixture = await startFixture(undefined, { open: () => ({ ok: 'snapshots' }) });
    running.push(fixture.close);
    const { server, events } = fixture;
    server.set([cluster('a', '1s'), cluster('b', '1s')]);
    const envoys = await Promise.all(
      variants.map(async (variant, index) => {
        const bootstrap = { node: { id: `${variant}-${index}`, cluster: 'plain' } };
        const envoy = await startPlainEnvoy({ xdsPort: server.port, variant, more: { bootstrap } });
        running.push(envoy.kill);
        return envoy;
      }),
    );
    const all = async (wanted: Readonly<Record<string, string>>) => {
      for (const envoy of envoys)
        await eventually(`${JSON.stringify(wanted)} everywhere`, async () => {
          const has = await timeouts(envoy).catch(() => ({}));
          return Object.keys(wanted).length === Object.keys(has).length && includes(has, wanted);
        });
    };
    const atRest = () =>
      eventually('nothing is owed', () =>
        server.status().every(({ types }) => types.every(({ owed, inFlightSince }) => owed === 0 && !inFlightSince)),
      );
    await all({ a: '1s', b: '1s' });
    // Envoy reads the message as a whole before it looks at any cluster, and says of this field no name.
    server.update({ set: [cluster('a', '-1s'), cluster('c', '1s'), cluster('b', '2s')] });
    await all({ a: '1s', b: '2s', c: '1s' });
    await atRest();
    expect(server.quarantine().map(({ name, everywhere }) => [name, everywhere])).toEqual([['a', true]]);
    for (const { types } of server.status()) expect(types[0]?.differing.map(({ name }) => name)).toEqual(['a']);
    const told = events.flatMap((event) => (event.kind === 'nacked' ? [[...event.names].sort().join()] : []));
    expect([told[0], told.includes('a')]).toEqual(['a,b,c', true]);
    server.update({ set: [cluster('a', '3s')] });
    await all({ a: '3s', b: '2s', c: '1s' });
    await atRest();
    expect(server.quarantine()).toEqual([]);
    for (const { types } of server.status()) expect([types[0]?.differing, types[0]?.error]).toEqual([[], undefined]);
    for (const envoy of envoys) expect(await envoy.stat('cluster_manager.cds.update_rejected')).toBeGreaterThan(0);
  },
  60_000,
);

function includes(all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean {
  return Object.entries(some).every(([name, value]) => all[name] === value);
}
