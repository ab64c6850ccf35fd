import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, type Load, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** Of two namespaces, each with one service behind a real sidecar; the client's route answers tell which revision routed them. */
const inNamespace = (text: string, namespace: string) => text.replaceAll('namespace: shop', `namespace: ${namespace}`);
const route = (service: string, namespace: string, text: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${service}, namespace: ${namespace} }
spec:
  hosts: [${service}]
  http:
    - headers: { response: { set: { x-revision: ${text} } } }
      route: [{ destination: { host: ${service} } }]
`;

const applications: Application[] = [];
let client: Member;
let load: Load;

const mesh = useTestMesh(
  () => ({
    policies: {
      'istio-system/mesh.yaml': mutualTlsYaml('STRICT'),
      'shop/catalog.yaml': serviceYaml('catalog'),
      'shop/route.yaml': route('catalog', 'shop', 'first'),
      'bank/payments.yaml': inNamespace(serviceYaml('payments'), 'bank'),
      'bank/route.yaml': route('payments', 'bank', 'first'),
    },
    settings: { 'policy.isolate': 'namespace' },
  }),
  async (started) => {
    for (const [service, namespace] of [
      ['catalog', 'shop'],
      ['payments', 'bank'],
    ] as const) {
      const address = started.nextAddress();
      applications.push(await startApplication({ address, port: 9080 }, service));
      await started.join({ service, namespace, address, ports: [{ port: 9080 }] });
    }
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => Promise.all(applications.map((application) => application.close())));

const portOf = (key: string) => {
  const found = [...(mesh().controlPlane().mesh.get()?.localPorts ?? [])].find(([name]) => name.startsWith(key));
  if (!found) throw new Error(`no local port for ${key}`);
  return found[1];
};
const shop = () => ({ host: client.address, port: portOf('shop/catalog.') });
const bank = () => ({ host: client.address, port: portOf('bank/payments.') });
const revisionAt = async (target: { host: string; port: number }) => (await fetchOnce(target)).headers['x-revision'];
const policies = () => mesh().controlPlane().policies.get();
const typo = (text: string) => route('catalog', 'shop', text).replace('hosts:', 'hots:');

beforeEach(() => {
  load = startLoad(shop(), 100);
});
afterEach(async () => {
  const report = await load.stop();
  expect(report.failures).toEqual({});
  expect(report.succeeded).toBe(report.sent);
});

test('an error in one namespace: the change of the other acts, the first is served as before, and both are told', async () => {
  const good = policies().served?.revision.commit;
  const commit = await mesh().commit({
    'shop/route.yaml': typo('second'),
    'bank/route.yaml': route('payments', 'bank', 'second'),
  });
  await mesh().synced();
  await eventually('the new route acts', async () => (await revisionAt(bank())) === 'second', 5_000);
  expect(await revisionAt(shop())).toBe('first');
  await load.more(50);
  const held = [{ namespace: 'shop', commit: good }];
  expect(policies()).toMatchObject({
    head: { commit, state: 'Partial', held },
    served: { revision: { commit, held } },
  });
  const { status, diagnostics } = mesh().controlPlane().values.policies();
  expect(status.serving?.held).toEqual(held);
  expect(diagnostics).toContainEqual(
    expect.objectContaining({ code: 'WEFT0002', at: expect.objectContaining({ file: 'policies/shop/route.yaml' }) }),
  );
  const answer = await fetch(`http://127.0.0.1:${mesh().controlPlane().adminPort}/metrics`);
  expect(await answer.text()).toMatch(/^weft_namespaces_held 1$/m);
});

test('a control plane that starts on such a head serves the same', async () => {
  const { served } = policies();
  await mesh().restartControlPlane();
  expect(policies()).toMatchObject({ head: { state: 'Partial' }, served: { revision: served?.revision } });
  await mesh().synced();
  await load.more(50);
  expect([await revisionAt(shop()), await revisionAt(bank())]).toEqual(['first', 'second']);
});

test('a reference to what is held back is checked against what is served', async () => {
  await mesh().commit({
    'shop/new.yaml': serviceYaml('new'),
    'bank/route.yaml': route('payments', 'bank', 'third').replace(
      'destination: { host: payments }',
      'destination: { host: new.shop.svc.cluster.local }',
    ),
    'third/any.yaml': inNamespace(serviceYaml('any'), 'third'),
  });
  expect(policies().head?.held?.map(({ namespace }) => namespace)).toEqual(['bank', 'shop']);
  await mesh().synced();
  await load.more(50);
  expect([await revisionAt(shop()), await revisionAt(bank())]).toEqual(['first', 'second']);
});

test('once the error is mended all of the commit acts', async () => {
  await mesh().apply({
    'shop/route.yaml': route('catalog', 'shop', 'fourth'),
    'bank/route.yaml': route('payments', 'bank', 'fourth'),
  });
  expect(policies().head?.held).toBeUndefined();
  await eventually(
    'both act',
    async () => (await revisionAt(shop())) === 'fourth' && (await revisionAt(bank())) === 'fourth',
    5_000,
  );
});

test('who intrudes on a route is held back; whose route it is goes on, wherever the error stands', async () => {
  const intrusion = route('payments', 'aaa', 'intruder').replaceAll(
    /(hosts: \[|host: )payments/g,
    '$1payments.bank.svc.cluster.local',
  );
  const commit = await mesh().commit({
    'aaa/route.yaml': intrusion,
    'bank/route.yaml': route('payments', 'bank', 'fifth'),
  });
  expect(policies().head).toMatchObject({ commit, state: 'Partial', held: [{ namespace: 'aaa' }] });
  await eventually("bank's own change acts", async () => (await revisionAt(bank())) === 'fifth', 5_000);
  await load.more(50);
  await mesh().commit({ 'bank/route.yaml': route('payments', 'bank', 'sixth') });
  expect(policies().head?.held).toEqual([{ namespace: 'aaa' }]);
  await eventually('and its next', async () => (await revisionAt(bank())) === 'sixth', 5_000);
});
