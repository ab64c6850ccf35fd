import { afterAll, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { JoinOptions, Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* A WorkloadGroup that changes while its workloads run, with real Envoys (WEFT0206, WEFT0203). */

const group = (tier: string) => `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: web, namespace: shop }
spec:
  template:
    labels: { app: web, tier: ${tier} }
    ports: { http: 9080 }
    serviceAccount: web
`;
/** A service of those that are in a tier. */
const tierService = (tier: string) => `---
apiVersion: v1
kind: Service
metadata: { name: ${tier}, namespace: shop }
spec:
  selector: { tier: ${tier} }
  ports: [{ name: http, port: 80, targetPort: 9080 }]
`;

let application: Application;
let address = '';
let web: Member;
let client: Member;

const claims = { labels: { tier: 'front' } };
const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': ['front', 'back'].map(tierService).join('') + serviceYaml('web'),
      'web.yaml': group('front'),
    },
  }),
  async (started) => {
    address = started.nextAddress();
    application = await startApplication({ address, port: 9080 }, 'web');
    web = await join('web-1');
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);
afterAll(() => application.close());

async function join(name: string, more: Partial<JoinOptions> = {}): Promise<Member> {
  const token = await mesh().token('web', { group: 'web' });
  return mesh().join({ service: 'web', name, address, token, ports: [{ port: 9080 }], claims, ...more });
}

const call = async (service: string) =>
  (await fetchOnce({ host: client.address, port: client.proxyPort, path: `http://${service}/` })).status;
const answers = (service: string, status: number) =>
  eventually(`${service} answers ${status}`, async () => (await call(service)) === status, 20_000);

/** What the running control plane says of the group, as its own findings and as `weft validate --live` does. */
async function told(): Promise<{ readonly served: readonly string[]; readonly live: readonly string[] }> {
  const controlPlane = mesh().controlPlane();
  const served = controlPlane.policies.get().diagnostics.filter(({ code }) => code === 'WEFT0206');
  const { stdout } = await runVerb(['validate', '--live', '-o', 'json'], {
    cwd: mesh().folder,
    env: { WEFT_CP: `http://127.0.0.1:${controlPlane.adminPort}` },
  });
  const { items }: { readonly items: readonly { code: string; message: string; severity: string }[] } =
    JSON.parse(stdout);
  return {
    served: served.map(({ at, severity, message }) => `${at.file}:${at.line} ${severity} ${message}`),
    live: items.filter(({ code }) => code === 'WEFT0206').map(({ message, severity }) => `${severity} ${message}`),
  };
}

test('WEFT0206: what a group says holds at once, its workload stays, and the finding says who says otherwise', async () => {
  await answers('front', 200);
  expect(await call('back')).toBe(503);
  expect(await told()).toEqual({ served: [], live: [] });

  await mesh().apply({ 'web.yaml': group('back') });
  await answers('back', 200);
  await answers('front', 503);
  // It is the same Envoy, and no request of the new service fails.
  const before = application.requests();
  const statuses = await Promise.all(Array.from({ length: 50 }, () => call('back')));
  expect(statuses).toEqual(Array(50).fill(200));
  expect(application.requests() - before).toBe(50);
  const message =
    'workload web-1.shop says otherwise: WorkloadGroup shop/web says label "tier" is "back", node.metadata.weft.labels["tier"] says "front"';
  await eventually('the finding is served', async () => (await told()).served.length === 1, 20_000);
  expect(await told()).toEqual({ served: [`policies/web.yaml:5 warning ${message}`], live: [`warning ${message}`] });
});

test('WEFT0203: its next start is refused, with the words that it says otherwise', async () => {
  await web.sidecar.stop();
  await answers('back', 503);
  const again = await join('web-1', { waitReady: false });
  await eventually('it hears why', () => again.log.some((line) => line.includes('WorkloadGroup shop/web says label')));
  expect(await call('back')).toBe(503);
  expect(application.requests()).toBeGreaterThan(0);
  await again.sidecar.kill();
});

test('a workload that claims nothing joins, and the finding is gone', async () => {
  await join('web-2', { claims: {} });
  await answers('back', 200);
  await mesh().synced();
  await mesh().apply({ 'web.yaml': `${group('back')}# again\n` });
  expect(await told()).toEqual({ served: [], live: [] });
});
