import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { watchRenewals } from '../support/leaf-serials.ts';
import { fetchOnce } from '../support/load.ts';
import { type Member, variants } from '../support/member.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, times, troublesOf } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

const reviews = serviceYaml('reviews').replace('{ app: reviews }', '{ app: stock }');

const { mesh, servers, callers } = useXdsScene({
  policies: { 'services.yaml': serviceYaml('catalog') + serviceYaml('stock'), 'reviews.yaml': reviews },
  // Renewed at half-life: every 4 seconds or so, in the long form every 30.
  settings: { 'certificates.leafLifetime': times(8_000, 60_000), 'certificates.allowShortLives': true },
  served: [
    ...variants.map((variant) => ({ service: 'catalog', name: `catalog-${variant}`, variant })),
    // It has a Service of its own besides the one that comes and goes: none is implied meanwhile.
    { service: 'stock', name: 'stock-sotw', variant: 'sotw' },
  ],
  envoyFlags: ['--drain-time-s', '1'],
});

/** What every caller hears from the service that comes and goes: its answer, or the reason for none. */
function calls(port: number): Promise<readonly string[]> {
  const one = async ({ address }: Member) => {
    try {
      const { status, body } = await fetchOnce({ host: address, port });
      return `${status} ${body.trim()}`;
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  };
  return Promise.all(callers().map(one));
}

test(
  'X57 X77 X92 a service is removed and comes back, at once and after its grace: 0 failed at another, and it works again',
  async () => {
    const rounds = times(2, 20);
    const port = mesh().localPort('reviews', 80);
    const load = loadFrom(callers(), mesh(), 'catalog', times(100, 400));
    const gone = () =>
      Promise.all(
        callers().map(async (caller) => (await caller.admin.get('/clusters')).includes('out_shop_reviews_80')),
      );
    for (let round = 1; round <= rounds; round += 1) {
      await mesh().commit({ 'reviews.yaml': undefined });
      await eventually('nobody listens for it', async () =>
        (await calls(port)).every((answer) => answer === 'ECONNREFUSED'),
      );
      if (round % 2 === 0) await eventually('its cluster is gone', async () => (await gone()).every((there) => !there));
      await mesh().commit({ 'reviews.yaml': reviews });
      await eventually('it works again', async () => (await calls(port)).every((answer) => answer === '200 stock'));
      expect(mesh().localPort('reviews', 80)).toBe(port);
      await load.more(times(25, 100));
    }
    const reports = await load.stop('X77', `, another service away ${rounds} times`);
    expectAllAnswered(reports, 'catalog');
    await expectUntroubled(mesh(), [...servers(), ...callers()]);
    for (const [name, count] of Object.entries(await changesOf(callers(), 'listener_(removed|modified)')))
      expect(count).toBe(name.endsWith('removed') ? rounds : 0);
  },
  times(120_000, 600_000),
);

test(
  'X118 certificates are renewed again and again under load, in delta and in state of the world: 0 failed',
  async () => {
    const rotations = times(2, 20);
    const members = [...servers(), ...callers()];
    const load = loadFrom(callers(), mesh(), 'catalog', times(100, 400));
    const renewed = watchRenewals(members);
    expect(await renewed()).toBe(0);
    const before = await changesOf(members, 'listener_modified|cluster_modified');
    await eventually(
      `${rotations} renewals each`,
      async () => (await renewed()) >= rotations,
      times(30_000, 660_000),
      200,
    );
    await load.more(times(50, 200));
    expectAllAnswered(await load.stop('X118', `, ${members.length} proxies, ${rotations} renewals each`), 'catalog');
    expect(await changesOf(members, 'listener_modified|cluster_modified')).toEqual(before);
    expect((await Promise.all(members.map(troublesOf))).flat()).toEqual([]);
  },
  times(120_000, 760_000),
);
