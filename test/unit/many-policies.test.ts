import { expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';

const proxy: Proxy = {
  id: 'catalog-1.shop',
  name: 'catalog-1',
  namespace: 'shop',
  service: 'catalog',
  identity: spiffeId({ trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'catalog' }),
  labels: { app: 'catalog' },
  ports: [{ port: 9080, inbound: 19_080, protocol: 'http' }],
  inboundBind: '0.0.0.0',
  applicationAddress: '127.0.0.1',
  capture: { bind: '127.0.0.1', ports: false, wholeRoutes: true },
  envoyVersion: '1.40.0',
};

// Time of this process, whatever else the machine does.
test('1,000 policies on one workload are resolved and translated in less than 200 ms, the first time after a start in less than 2 s', () => {
  const times: number[] = [];
  // The first rounds are the compiler's, and what a commit after a start costs: 0.7 s here, more where other programs take the caches away.
  // What a machine that does other things, too, takes longer for is tried again.
  while (times.length < 3 || (Math.min(...times) >= 200 && times.length < 12)) times.push(timeOf(times.length));
  console.log(`1,000 policies resolved and translated in ${times.map((time) => time.toFixed(0)).join(', ')} ms`);
  expect(times[0]).toBeLessThan(2_000);
  expect(Math.min(...times)).toBeLessThan(200);
}, 60_000);

/** Milliseconds of processor time; `round` makes other policies. */
function timeOf(round: number): number {
  const files = Array.from({ length: 1000 }, (_none, index) => ({
    path: `policies/shop/p${index}.yaml`,
    text: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p${index} }
spec: { rules: [{ from: [{ source: { serviceAccounts: [c${index}] } }], to: [{ operation: { methods: [GET], paths: [/r${round}/x${index}] } }] }] }
`,
  }));
  const { policies, diagnostics } = parsePolicies(files, {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  if (policies === undefined) throw new Error(diagnostics[0]?.message);
  const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
  const mesh = offlineMesh({ policies, settings });
  const began = process.cpuUsage();
  const resources = translateInbound(resolveInbound(mesh, proxy), proxy);
  expect(resources.length).toBeGreaterThan(3);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}
