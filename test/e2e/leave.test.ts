import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { latestRequest, sendRequests, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, type TestMesh, useTestMesh } from '../support/test-mesh.ts';

/** How long a workload stays after its stream is lost, in milliseconds. */
const grace = 2_000;
/** More requests than ever run at once at 200 a second and 20 ms each, where nothing else needs the machine. */
const inFlight = 4;
const applications: Application[] = [];

interface Instance {
  readonly member: Member;
  readonly application: Application;
}
let client: Member;
let staying: Instance;

const mesh = useTestMesh(
  () => ({
    policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') },
    settings: { 'registry.grace': grace },
  }),
  async (started) => {
    client = await started.join({ service: 'frontend' });
    staying = await instance(started, 'catalog-1', 20);
  },
);
afterAll(() => Promise.all(applications.map((application) => application.close())));

const endpoints = () => client.stat('cluster.out_shop_catalog_80.membership_total');
const target = () => ({ host: client.address, port: mesh().localPort('catalog', 80) });

/** Brings up an instance whose answers take `time` milliseconds, and waits until the caller knows it. */
async function instance(started: TestMesh, name: string, time: number): Promise<Instance> {
  const before = await endpoints();
  const address = started.nextAddress();
  const application = await startApplication({ address, port: 9080 }, name, async () => {
    await new Promise((resolve) => setTimeout(resolve, time));
  });
  applications.push(application);
  const member = await started.join({ service: 'catalog', name, address, ports: [{ port: 9080 }] });
  await eventually(`the caller knows ${name}`, async () => (await endpoints()) === before + 1);
  return { member, application };
}

test('a workload leaves in good order under load: 0 failed of 200 requests a second', async () => {
  const leaving = await instance(mesh(), 'catalog-2', 20);
  const before = staying.application.requests();
  const load = startLoad(target(), 200);
  await load.more(300);
  await leaving.member.sidecar.stop();
  expect(await endpoints()).toBe(1);
  const served = leaving.application.requests();
  await load.more(300);
  const report = await load.stop();
  console.log(`graceful leave: ${report.sent} sent, ${report.sent - report.succeeded} failed`);
  expect(report.failures).toEqual({});
  expect(report.succeeded).toBe(report.sent);
  // Both had a share before, and the one that left heard nothing afterwards.
  expect(served).toBeGreaterThan(50);
  expect(leaving.application.requests()).toBe(served);
  expect(staying.application.requests() - before + served).toBe(report.sent);
});

test('an Envoy dies without a word: retries carry its callers, and its endpoint goes after the grace period', async () => {
  expect(await endpoints()).toBe(1);
  const dying = await instance(mesh(), 'catalog-3', 0);
  const load = startLoad(target(), 200);
  await load.more(200);
  const died = performance.now();
  const before = load.now();
  await dying.member.sidecar.kill();
  // On their way: those without an answer, and those that left until it was gone and its caller's Envoy had a turn to see that.
  await load.more(10);
  const onTheWay = before.underWay + load.now().sent - before.sent;
  // A lost stream alone is no reason to forget a workload: it stays for the grace period, however slow this machine is.
  await eventually('its endpoint is gone', async () => (await endpoints()) === 1, 30_000);
  const gone = performance.now() - died;
  const report = await load.stop();
  const failed = report.sent - report.succeeded;
  console.log(
    `crash: ${report.sent} sent, ${failed} of ${onTheWay} on their way failed, endpoint gone after ${Math.round(gone)} ms`,
  );
  expect(gone).toBeGreaterThan(grace - 200);
  // Lost are only requests that were on their way in that moment. Where requests leave late, so did several at once.
  expect(report.failures).toEqual(failed === 0 ? {} : { 503: failed });
  expect(failed).toBeLessThanOrEqual(report.lateness <= latestRequest ? Math.max(inFlight, before.underWay) : onTheWay);
  expect(await sendRequests(target(), 200)).toMatchObject({ succeeded: 200, answers: { 'catalog-1': 200 } });
});
