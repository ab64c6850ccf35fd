import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { expectAtRest } from '../support/at-rest.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';
import {
  changesOf,
  expectAllAnswered,
  joinCallers,
  loadFrom,
  promise,
  times,
  troublesOf,
} from '../support/xds-callers.ts';

let application: Application;
let callers: readonly Member[];

const services = ['catalog', 'ghost'].map((name) => serviceYaml(name)).join('');
const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'services.yaml': services } }),
  async (started) => {
    const address = started.nextAddress();
    application = await startApplication({ address, port: 9080 }, 'catalog');
    await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    const began = performance.now();
    callers = await joinCallers(started);
    promise(
      'X90',
      `two sidecars were members after ${Math.round(performance.now() - began)} ms, a service without endpoints in the mesh`,
    );
    await started.synced();
  },
);
afterAll(() => application?.close());

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
    const load = loadFrom(callers, mesh(), 'catalog', 200);
    await load.more(50);
    const counters = '.*(update_attempt|update_success|added|modified|removed|draining)';
    const [sent, counted] = [messages(), await changesOf(callers, counters)];
    expect(sent).toHaveLength(3);
    for (let round = 1; round <= rounds; round += 1) {
      // Every other time a file says the same in other words, else nothing changes but the commit.
      const words = round % 2 === 0 ? { 'services.yaml': `${services}# Looked at ${round} times.\n` } : {};
      await mesh().apply(words);
    }
    await load.more(50);
    const reports = await load.stop('X98', `, ${rounds} commits`);
    expect(messages()).toEqual(sent);
    expect(await changesOf(callers, counters)).toEqual(counted);
    expectAllAnswered(reports, 'catalog');
    await expectAtRest(mesh(), callers);
    expect((await Promise.all(callers.map(troublesOf))).flat()).toEqual([]);
  },
  times(120_000, 600_000),
);

test('X90 a service that nobody serves holds no sidecar up, and a call to it is answered at once', async () => {
  const port = mesh().localPort('ghost', 80);
  const answers = await Promise.all(callers.map(({ address }) => fetchOnce({ host: address, port })));
  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  for (const caller of callers) expect(await caller.stat('cluster.out_shop_ghost_80.init_fetch_timeout')).toBe(0);
});
