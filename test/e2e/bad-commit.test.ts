import { rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, type Load, startLoad } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** A good policy that tells its revision in an answer header. */
const revision = (text: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: catalog, namespace: shop }
spec:
  hosts: [catalog]
  http:
    - headers: { response: { set: { x-revision: ${text} } } }
      route: [{ destination: { host: catalog } }]
`;

let catalog: Application;
let client: Member;
let load: Load;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'route.yaml': revision('first'),
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

const target = () => ({ host: client.address, port: mesh().localPort('catalog', 80) });
const served = async () => (await fetchOnce(target())).headers['x-revision'];
const policies = () => mesh().controlPlane().policies.get();

/** The versions of all that policies become at this Envoy. A new control plane issues new certificates, so secrets do not count. */
async function versions(): Promise<readonly string[]> {
  const lists = ['dynamic_listeners', 'dynamic_active_clusters', 'dynamic_route_configs'];
  const dumps = await Promise.all(lists.map((list) => client.admin.configDump(list)));
  const found = dumps.map((dump, index) => `${lists[index]} ${JSON.stringify(dump).match(/"version_info":"[^"]*"/g)}`);
  return found;
}

beforeEach(async () => {
  // What an earlier test left when it failed.
  await mesh().commit(Object.fromEntries(broken.map(({ file }) => [file, undefined])));
  await mesh().synced();
  load = startLoad(target(), 100);
});
afterEach(async () => {
  const report = await load.stop();
  expect(report.failures).toEqual({});
  expect(report.succeeded).toBe(report.sent);
});

const broken = [
  { what: 'broken syntax', file: 'syntax.yaml', text: 'apiVersion: v1\nkind: [Service\n', code: 'WEFT0001', line: 2 },
  {
    what: 'an unknown field',
    file: 'field.yaml',
    text: revision('bad').replace('name: catalog', 'name: other').replace('hosts:', 'hots:'),
    code: 'WEFT0002',
    line: 5,
  },
  {
    what: 'a reference to nothing',
    file: 'reference.yaml',
    text: revision('bad').replaceAll('catalog', 'nobody'),
    code: 'WEFT0101',
    line: 8,
  },
  { what: 'a duplicate', file: 'z-duplicate.yaml', text: revision('bad'), code: 'WEFT0011', line: 3 },
] as const;

test.each(broken)(
  '$what is rejected with its place, and all is served as before',
  async ({ file, text, code, line }) => {
    const before = await versions();
    const good = policies().served?.revision.commit;
    const bad = await mesh().commit({ [file]: text });
    const { head, diagnostics, served: kept } = policies();
    expect(head).toMatchObject({ commit: bad, state: 'Rejected' });
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    expect(errors).toContainEqual(expect.objectContaining({ code, at: expect.objectContaining({ line }) }));
    expect(errors.find((error) => error.code === code)?.at.file).toContain(file);
    expect(kept?.revision.commit).toBe(good);
    await load.more(50);
    expect(await served()).toBe('first');
    expect(await versions()).toEqual(before);
    await mesh().commit({ [file]: undefined });
    expect(policies().head).toMatchObject({ state: 'Applied' });
    await mesh().synced();
    expect(await versions()).toEqual(before);
  },
);

test('a link in the tree and a repository that cannot be read change nothing', async () => {
  const before = await versions();
  const link = join(mesh().folder, 'policies/link.yaml');
  await symlink('/etc/hostname', link);
  const bad = await mesh().commit({});
  expect(policies().head).toMatchObject({ commit: bad, state: 'Rejected' });
  expect(policies().diagnostics).toContainEqual(expect.objectContaining({ code: 'WEFT0007' }));
  await rm(link);
  await mesh().commit({});

  const git = join(mesh().folder, '.git');
  await rename(git, `${git}.away`);
  await eventually('the loss of the repository is told', () => policies().failure?.code === 'WEFT0960');
  await load.more(50);
  expect(await served()).toBe('first');
  await rename(`${git}.away`, git);
  await eventually('the repository is read again', () => policies().failure === undefined);
  expect(await versions()).toEqual(before);
});

test('the next good commit applies at once', async () => {
  await mesh().commit({ 'syntax.yaml': broken[0].text, 'route.yaml': revision('second') });
  await load.more(50);
  expect(await served()).toBe('first');
  const began = performance.now();
  await mesh().apply({ 'syntax.yaml': undefined });
  await eventually('the second revision is served', async () => (await served()) === 'second', 2_000);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test('a control plane that starts on a bad head serves the last good commit (F13)', async () => {
  const before = await versions();
  const current = await served();
  const good = policies().served?.revision.commit;
  const bad = await mesh().commit({ 'syntax.yaml': broken[0].text, 'route.yaml': revision('third') });
  await mesh().restartControlPlane();
  expect(policies()).toMatchObject({
    head: { commit: bad, state: 'Rejected' },
    served: { revision: { commit: good } },
  });
  await mesh().synced();
  await load.more(50);
  expect(await served()).toBe(current);
  expect(await versions()).toEqual(before);
  await mesh().apply({ 'syntax.yaml': undefined });
  // Envoy acknowledges a moment before its worker threads have the route.
  await eventually('the third revision is served', async () => (await served()) === 'third', 2_000);
});
