import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/member.ts';
import { mutualTlsYaml, useTestMesh } from '../support/test-mesh.ts';

/** Decision 47 on a real control plane: who is away makes no commit wrong, also after a restart. */
const route = (name: string, destination: string, timeout = '1s') => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [frontend]
  http: [{ timeout: ${timeout}, route: [{ destination: { host: ${destination} } }] }]
`;

let reviews: Member;
const mesh = useTestMesh(
  () => ({ policies: { 'mesh.yaml': mutualTlsYaml('STRICT') } }),
  async (started) => {
    await started.join({ service: 'frontend', ports: [{ port: 9080 }] });
    reviews = await started.join({ service: 'reviews', ports: [{ port: 9080 }] });
    await started.synced();
  },
);

/** How the control plane judges a commit of this rule. */
async function judged(text: string): Promise<readonly unknown[]> {
  await mesh().commit({ 'route.yaml': text });
  const { head, diagnostics } = mesh().controlPlane().policies.get();
  return [
    head?.state,
    ...diagnostics.flatMap(({ severity, code }) => (code === 'WEFT0101' ? [`${severity} ${code}`] : [])),
  ];
}

test('a service that has left, over a restart; one with a token alone; a name that never was', async () => {
  await reviews.sidecar.stop();
  await eventually('reviews to be gone', () => {
    const ids = [...(mesh().controlPlane().mesh.get()?.workloads.keys() ?? [])];
    return ids.length > 0 && ids.every((id) => !id.startsWith('reviews'));
  });
  expect(await judged(route('new', 'reviews'))).toEqual(['Applied', 'warning WEFT0101']);
  await mesh().restartControlPlane();
  expect(await judged(route('touched', 'reviews', '2s'))).toEqual(['Applied', 'warning WEFT0101']);
  expect(await judged(route('touched', 'rewievs', '2s'))).toEqual(['Rejected', 'error WEFT0101']);
  expect(await judged(route('touched', 'pay', '2s'))).toEqual(['Rejected', 'error WEFT0101']);
  await mesh().token('pay');
  expect(await judged(route('granted', 'pay', '2s'))).toEqual(['Applied', 'warning WEFT0101']);
});
