import { expect, test } from 'vitest';
import { operator } from '../../src/model/audit-event.ts';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const mesh = useTestMesh(() => ({ policies: { 'catalog.yaml': serviceYaml('catalog') } }));

/** What callers see of the commit of this number, at a service that it brings. */
const policies = (number: number) => ({
  [`new-${number}.yaml`]: `${serviceYaml(`new${number}`).replace(`app: new${number}`, 'app: catalog')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: new${number}, namespace: shop }
spec: { hosts: [new${number}], http: [{ headers: { response: { set: { x-number: "${number}" } } }, route: [{ destination: { host: new${number} } }] }] }
`,
});

async function waited(commit: string): Promise<number> {
  const at = `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
  const words = ['status', '--wait', '--timeout', '20s', '--commit', commit, '--cp', at];
  return (await runVerb(words, { cwd: mesh().folder })).code;
}

test('when weft status --wait --commit returns, the next call of every Envoy meets the commit, also of one that has just come', async () => {
  const address = nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  const callers: Member[] = [await mesh().join({ service: 'frontend' })];
  const answers: string[] = [];
  let coming: Promise<void> = Promise.resolve();
  for (let number = 1; number <= 12; number += 1) {
    const commit = await mesh().commit(policies(number));
    if (number % 4 === 0) {
      const name = `frontend-${1 + number / 4}`;
      const joined = mesh().join({ service: 'frontend', name });
      coming = joined.then((member) => void callers.push(member));
      // It comes while the question stands.
      await eventually('a newcomer is connected', () =>
        mesh()
          .controlPlane()
          .values.proxies()
          .some((proxy) => proxy.name === name),
      );
    }
    expect(await waited(commit)).toBe(0);
    await coming;
    for (const { id, address: host, proxyPort: port } of callers) {
      const { status, headers } = await fetchOnce({ host, port, path: `http://new${number}.shop/books` });
      answers.push(`${id} ${number}: ${status} ${headers['x-number']}`);
    }
  }
  expect(answers).toEqual(answers.map((answer) => answer.replace(/: .*/, `: 200 ${answer.split(/[ :]/)[1]}`)));
  expect(answers.length).toBe(3 + 4 * 2 + 4 * 3 + 4);
  await catalog.close();
}, 60_000);

test('a change of certificates alone makes no commit roll, whoever is slow to take it; a commit does', async () => {
  const { controlPlane } = mesh();
  const slow = await mesh().join({ service: 'slow' });
  await mesh().synced();
  const pid = slow.sidecar.pid() ?? 0;
  const state = () => controlPlane().values.policies().status.serving?.state;
  const isSilent = () =>
    controlPlane()
      .values.proxies()
      .some(({ name, types }) => name === 'slow-1' && types.SDS.status === 'STALE');
  expect(state()).toBe('Applied');
  process.kill(pid, 'SIGSTOP');
  try {
    await controlPlane().values.rotation.step('prepare', operator);
    await eventually('the bundle is sent, and not answered', isSilent);
    expect(state()).toBe('Applied');
    await mesh().commit(policies(13));
    await eventually('a commit is on its way', () => state() === 'Rolling');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await mesh().synced();
  expect(state()).toBe('Applied');
  await controlPlane().values.rotation.step('abort', operator);
  await mesh().synced();
}, 60_000);
