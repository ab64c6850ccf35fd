import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { resource, startPlainEnvoy } from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';

/** */
const running = stoppedAfterEach();

const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
/** Envoy reads a set as a whole before it looks at any cluster, and says of a negative duration no name. */
const clusters = (seconds: number, culprits: readonly string[] = []) =>
  names.map((name) => {
    const connect_timeout = culprits.includes(name) ? '-1s' : `${seconds}s`;
    return resource(clusterType, name, {
      name,
      type: 'STATIC',
      connect_timeout,
      load_assignment: { cluster_name: name },
    });
  });

test.each(['restart', 'in mid-search'] as const)(
  'X51 X38 M3 an Envoy comes back with a culprit in the set that nobody named (%s): nothing is taken from it, and once that is mended all is newest',
  async (when) => {
    const nacks: number[] = [];
    let cut: (() => void) | undefined;
    const serve = async (port: number) => {
      const server = await createXdsServer({
        address: '127.0.0.1',
        port,
        credentials: 'plaintext',
        observe(event) {
          if (event.kind !== 'nacked') return;
          nacks.push(event.names.length);
          if (nacks.length === 2) cut?.();
        },
      });
      running.push(() => server.close());
      return server;
    };
    let server = await serve(0);
    const { port } = server;
    server.set(clusters(1));
    const envoy = await startPlainEnvoy({ xdsPort: port, variant: 'sotw' });
    running.push(envoy.kill);
    const timeouts = async () => {
      const entries = await envoy.admin.configDump('dynamic_active_clusters').catch(() => []);
      const all = entries as readonly { readonly cluster: { readonly connect_timeout: string } }[];
      return all.map(({ cluster }) => cluster.connect_timeout);
    };
    const all = (wanted: string) =>
      eventually(`12 clusters with ${wanted}`, async () => {
        const has = await timeouts();
        return has.length === 12 && has.every((timeout) => timeout === wanted);
      });
    await all('1s');
    if (when === 'restart') {
      await server.close();
      server = await serve(port);
    } else {
      cut = () => {
        cut = undefined;
        nacks.length = 0;
        server.closeStreams(() => true, status.UNAVAILABLE, 'come again');
      };
    }
    server.set(clusters(2, ['c3', 'c7', 'c9']));
    await eventually('it came back and refused the set', () => nacks.length > 0 && cut === undefined);
    await eventually('nothing is on its way', () =>
      server.status().every(({ types }) => types.every(({ owed, inFlightSince }) => owed === 0 && !inFlightSince)),
    );
    expect(await timeouts()).toHaveLength(12);
    expect([await envoy.stat('cluster_manager.cluster_removed'), nacks]).toEqual([0, [12]]);
    server.set(clusters(3));
    await all('3s');
    expect(await envoy.stat('cluster_manager.cluster_removed')).toBe(0);
    for (const { error, namesDiffering } of server.status().flatMap(({ types }) => types))
      expect([error, namesDiffering]).toEqual([undefined, 0]);
  },
  60_000,
);
