import { expect, test } from 'vitest';
import { fetchOnce } from '../support/load.ts';
import { serviceYaml } from '../support/test-mesh.ts';
import { changesOf, expectAllAnswered, loadFrom, promise, times } from '../support/xds-callers.ts';
import { expectUntroubled, useXdsScene } from '../support/xds-scene.ts';

const services = ['catalog', 'ghost'].map((name) => serviceYaml(name)).join('');
const { mesh, callers, joinedAfter } = useXdsScene({
  policies: { 'services.yaml': services },
  served: [{ service: 'catalog' }],
});

/** The last message that each stream was sent, by type. */
const messages = () =>
  mesh()
    .controlPlane()
    .values.streams()
    .map(({ connection, subscriptions }) => [
      connection,
      subscriptions.map(({ type, sentNonce }) => [type, sentNonce]),
    ]);

test(
  'X62 X98 100 commits that change nothing reach nobody: 0 messages, no listener modified',
  async () => {
    const rounds = times(100, 1_000);
    const load = loadFrom(callers(), mesh(), 'catalog', 200);
    await load.more(50);
    const counters = '.*(update_attempt|update_success|added|modified|removed|draining)';
    const [sent, counted] = [messages(), await changesOf(callers(), counters)];
    expect(sent).toHaveLength(3);
    for (let round = 1; round <= rounds; round += 1) {
      // Every other time a file says the same in other words, else nothing changes but the commit.
      const words = round % 2 === 0 ? { 'services.yaml': `${services}# Looked at ${round} times.\n` } : {};
      await mesh().apply(words);
    }
    await load.more(50);
    const reports = await load.stop('X98', `, ${rounds} commits`);
    expect(messages()).toEqual(sent);
    expect(await changesOf(callers(), counters)).toEqual(counted);
    expectAllAnswered(reports, 'catalog');
    await expectUntroubled(mesh(), callers());
  },
  times(120_000, 600_000),
);

test('X90 a service that nobody serves holds no sidecar up, and a call to it is answered at once', async () => {
  promise(
    'X90',
    `two sidecars were members after ${Math.round(joinedAfter())} ms, a service without endpoints in the mesh`,
  );
  const port = mesh().localPort('ghost', 80);
  const answers = await Promise.all(callers().map(({ address }) => fetchOnce({ host: address, port })));
  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  for (const caller of callers()) expect(await caller.stat('cluster.out_shop_ghost_80.init_fetch_timeout')).toBe(0);
});
