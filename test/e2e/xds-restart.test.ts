import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { StreamReport } from '../../src/admin/admin-source.ts';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import { type Member, variants } from '../support/member.ts';
import { useServerMesh } from '../support/server-mesh.ts';
import { mutualTlsYaml, nextAddress, serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, promise, times, troublesOf } from '../support/xds-callers.ts';

const callers: Member[] = [];
const mesh = useServerMesh(
  {
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['catalog', 'reviews', 'payments'].map((name) => serviceYaml(name)).join(''),
    },
    services: ['catalog', 'frontend'],
  },
  async ({ join, closing }) => {
    for (const variant of variants) {
      const address = nextAddress();
      const name = `catalog-${variant}`;
      closing(await startApplication({ address, port: 9080 }, name));
      await join({ service: 'catalog', name, variant, address, ports: [{ port: 9080 }] });
      callers.push(await join({ service: 'frontend', name: `frontend-${variant}`, variant, address: nextAddress() }));
    }
  },
);

/** Silence can only be waited for: longer than the grace of a removal, in the long form longer than hold and grace (section 8). */
const silence = times(6_000, 12_000);

/**
 * Names and versions of all that a member holds, but for its certificate: its key is nowhere written, so each life of the control plane
 * issues a new one.
 */
async function held(member: Member): Promise<readonly string[]> {
  const lists = ['clusters', 'listeners', 'route_configs', 'secrets'];
  const dumps = await Promise.all(
    lists.map((list) =>
      member.admin.configDump(`dynamic_${list === 'clusters' || list === 'secrets' ? 'active_' : ''}${list}`),
    ),
  );
  const all = dumps.flat().map((dump) => {
    const text = JSON.stringify(dump);
    return ['name', 'version_info'].map((key) => new RegExp(`"${key}":"([^"]+)"`).exec(text)?.[1]).join(' ');
  });
  return all.filter((line) => !line.startsWith('identity ')).sort();
}

/** The stream of every member, once each has one. */
async function streams(): Promise<readonly StreamReport[]> {
  const { server, members } = mesh();
  return eventually('every member has a stream', async () => {
    const { clients } = (await server.admin('/debug/adsz')) as { readonly clients: readonly StreamReport[] };
    const found = members.map(({ id }) => clients.find(({ proxyId }) => proxyId === id));
    const whole = found.filter((stream) => stream !== undefined && stream.subscriptions.length >= 4);
    return whole.length === members.length ? (whole as readonly StreamReport[]) : undefined;
  });
}

test(
  'X9 X14 X34 X70 the control plane is killed and comes back under load: 0 failed, nothing removed, nothing sent again',
  async () => {
    const { server, members } = mesh();
    const kills = times(2, 30);
    const targets = callers.map(({ address, proxyPort }) => ({
      host: address,
      port: proxyPort,
      path: 'http://catalog.shop/',
    }));
    for (const caller of callers)
      await eventually(
        'each caller has both endpoints',
        async () => (await caller.stat('cluster.out_shop_catalog_80.membership_total')) === 2,
      );
    // Envoy may have a cluster, and say that it is live, before its workers listen.
    for (const target of targets)
      await eventually('each caller is answered', async () => (await fetchOnce(target)).status === 200);
    const loads = targets.map((target) => startLoad(target, 200));
    const changes = () => changesOf(members, 'listener_(added|modified|removed)|cluster_(added|modified|removed)');
    const before = await changes();
    const heldBefore = await Promise.all(members.map(held));
    const connected = () => Promise.all(members.map((member) => member.stat('control_plane.connected_state')));
    const sent = new Set<string>();
    const collect = async () => {
      for (const { variant, subscriptions } of await streams())
        for (const { type, sentNonce } of subscriptions) if (sentNonce !== '') sent.add(`${variant} ${type}`);
    };
    for (let kill = 1; kill <= kills; kill += 1) {
      await server.kill();
      await eventually('every proxy has lost it', async () => (await connected()).every((state) => state === 0));
      await server.start();
      await eventually('every proxy is back', async () => (await connected()).every((state) => state === 1));
      await collect();
    }
    await sleep(silence);
    await collect();
    const reports = await Promise.all(loads.map((load) => load.stop()));
    for (const [at, { sent, succeeded }] of reports.entries())
      promise('X14', `${callers[at]?.id}: ${kills} kills, ${sent} sent, ${sent - succeeded} failed`);
    expectAllAnswered(reports, 'catalog-delta', 'catalog-sotw');
    expect(await changes()).toEqual(before);
    expect(await Promise.all(members.map(held))).toEqual(heldBefore);
    expect((await Promise.all(members.map(troublesOf))).flat()).toEqual([]);
    // Delta: the new certificate, nothing else. Whole sets: what a client may be warming is answered, clusters and listeners are not.
    expect([...sent].sort()).toEqual(['delta SDS', 'sotw ECDS', 'sotw EDS', 'sotw RDS', 'sotw SDS']);
  },
  times(120_000, 600_000),
);
