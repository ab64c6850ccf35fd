import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import { type Member, variants } from '../support/member.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, times } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

const reviews = serviceYaml('reviews').replace('{ app: reviews }', '{ app: stock }');

const { mesh, servers, callers } = useXdsScene({
  policies: { 'services.yaml': serviceYaml('catalog') + serviceYaml('stock'), 'reviews.yaml': reviews },
  // Renewed at half-life: every 4 seconds or so.
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

/** Serial numbers of the certificates that members serve now. */
async function serials(members: readonly Member[]): Promise<readonly string[]> {
  const dumps = (await Promise.all(members.map(({ admin }) => admin.configDump('dynamic_active_secrets')))).flat();
  const pems = dumps.map(
    (dump) =>
      /-----BEGIN CERTIFICATE[^"]*/.exec(
        JSON.stringify((dump as { secret: { tls_certificate?: unknown } }).secret.tls_certificate ?? {}),
      )?.[0],
  );
  return pems.flatMap((pem) =>
    pem === undefined ? [] : [new X509Certificate(pem.replaceAll('\\n', '\n')).serialNumber],
  );
}

test(
  'X57 X77 X92 a service is removed and comes back, at once and after its grace: 0 failed at another, and it works again',
  async () => {
    const rounds = times(2, 20);
    const port = mesh().localPort('reviews', 80);
    const load = loadFrom(callers(), mesh(), 'catalog', 400);
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
      await load.more(100);
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
  'X118 certificates are renewed under load in state of the world: 0 failed',
  async () => {
    const rotations = times(2, 10);
    const members = [...servers(), ...callers()].filter(({ id }) => id.includes('sotw'));
    const load = loadFrom(callers(), mesh(), 'catalog', 400);
    const seen = new Set<string>(await serials(members));
    const first = seen.size;
    const before = await changesOf(members, 'listener_modified|cluster_modified');
    await eventually(
      `each of ${first} certificates was renewed ${rotations} times`,
      async () => {
        for (const serial of await serials(members)) seen.add(serial);
        return seen.size >= first * (rotations + 1);
      },
      times(30_000, 600_000),
      200,
    );
    await load.more(200);
    expectAllAnswered(await load.stop('X118', `, ${seen.size - first} renewals`), 'catalog');
    expect(await changesOf(members, 'listener_modified|cluster_modified')).toEqual(before);
  },
  times(120_000, 700_000),
);
