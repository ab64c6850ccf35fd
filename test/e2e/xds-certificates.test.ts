import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { watchRenewals } from '../support/leaf-serials.ts';
import { variants } from '../support/member.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, times } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

/** Renewed at half-life. */
const minute = 60_000;

const { mesh, servers, callers } = useXdsScene({
  policies: { 'services.yaml': serviceYaml('catalog') },
  settings: { 'certificates.leafLifetime': minute, 'certificates.allowShortLives': true },
  served: variants.map((variant) => ({ service: 'catalog', name: `catalog-${variant}`, variant })),
});

test(
  'X118 certificates of a minute are renewed under load, in delta and in state of the world: 0 failed, none refused',
  async () => {
    const renewals = times(1, 10);
    const members = [...servers(), ...callers()];
    const renewed = watchRenewals(members);
    expect(await renewed()).toBe(0);
    const before = await changesOf(members, 'listener_modified|cluster_modified');
    const load = loadFrom(callers(), mesh(), 'catalog', 200);
    const patience = (renewals * minute) / 2 + 10_000;
    await eventually(`${renewals} times each`, async () => (await renewed()) >= renewals, patience, 500);
    await load.more(100);
    expectAllAnswered(
      await load.stop('X118', `, ${members.length} proxies with certificates of a minute, ${renewals} renewals each`),
      'catalog',
    );
    // A renewal is one of a secret alone.
    expect(await changesOf(members, 'listener_modified|cluster_modified')).toEqual(before);
    await expectUntroubled(mesh(), members);
  },
  times(60_000, 600_000),
);
