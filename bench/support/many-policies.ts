import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Inbound } from '../../src/model/ir-inbound.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { processorTime } from './protocol.ts';

const trustDomain = 'bench.example';

/** SPIFFE ID without its scheme, of the caller whom the last policy is about. */
export const lastCaller = `${trustDomain}/ns/shop/sa/caller`;
export const called = `${trustDomain}/ns/shop/sa/catalog`;
export const calledPath = '/books';

const proxy: Proxy = {
  id: 'catalog-1.shop',
  name: 'catalog-1',
  namespace: 'shop',
  service: 'catalog',
  identity: spiffeId({ trustDomain, namespace: 'shop', serviceAccount: 'catalog' }),
  labels: { app: 'catalog' },
  ports: [{ port: 9080, inbound: 19_080, protocol: 'http' }],
  inboundBind: '0.0.0.0',
  applicationAddress: '127.0.0.1',
  capture: { bind: '127.0.0.1', ports: false, wholeRoutes: true },
  envoyVersion: '1.40.0',
};

export interface Workload {
  readonly inbound: Inbound;
  readonly proxy: Proxy;
  /** Milliseconds of processor time until they were decided, and turned into what Envoy reads. */
  readonly resolved: number;
  readonly translated: number;
}

/**
 * One port with so many AuthorizationPolicies, each about another caller, path and method; `mark` makes them others. `alsoAbout: headers`: each about a
 * header, too, which no tree sees exactly, so that they stay a list of rules (decision 62).
 */
export function workloadWith(count: number, mark: number, alsoAbout?: 'headers'): Workload {
  const when = alsoAbout === undefined ? '' : ", when: [{ key: 'request.headers[x-bench]', notValues: [no] }]";
  const files = Array.from({ length: count }, (_none, index) => {
    const isLast = index === count - 1;
    const [account, path] = isLast ? ['caller', calledPath] : [`c${index}`, `/r${mark}/x${index}`];
    return {
      path: `policies/shop/p${`${index}`.padStart(6, '0')}.yaml`,
      text: `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p${`${index}`.padStart(6, '0')} }
spec: { rules: [{ from: [{ source: { serviceAccounts: [${account}] } }], to: [{ operation: { methods: [GET], paths: [${path}] } }]${when} }] }
`,
    };
  });
  const { policies, diagnostics } = parsePolicies(files, {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  if (policies === undefined) throw new Error(diagnostics[0]?.message);
  const settings = { trustDomain, dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
  const mesh = offlineMesh({ policies, settings });
  const began = processorTime();
  const ports = resolveInbound(mesh, proxy);
  const resolved = processorTime();
  translateInbound(ports, proxy);
  const translated = processorTime();
  const [inbound] = ports;
  if (inbound === undefined) throw new RangeError('the workload has a port');
  return { inbound, proxy, resolved: resolved - began, translated: translated - resolved };
}
