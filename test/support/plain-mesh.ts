import type { Proxy } from '../../src/model/proxy.ts';
import type { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { lookup } from '../../src/xds/snapshot.ts';
import { workload } from './registry-values.ts';
import { proxy } from './resolve-values.ts';
import { spineMesh, type Texts } from './spine-mesh.ts';

export const serviceCount = 200;
export const proxyCount = 50;

export function virtualServiceText(name: string, timeout: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}], http: [{ timeout: ${timeout}, route: [{ destination: { host: ${name} } }] }] }
`;
}

export function serviceIn(namespace: string, name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 9080 }] }
`;
}

export const names = Array.from({ length: serviceCount }, (_, index) => `s${String(index).padStart(3, '0')}`);
export const texts: Texts = Object.fromEntries(
  names.flatMap((name) => [
    [`shop/${name}.yaml`, serviceIn('shop', name)],
    [`shop/${name}-routes.yaml`, virtualServiceText(name, '3s')],
  ]),
);
export const workloads = names.map((name, index) => workload(`${name}-1`, name, 20_000 + index));
export const proxies = Array.from({ length: proxyCount }, (_, index) =>
  proxy(`s000-${index + 1}.shop`, { labels: { app: 's000' }, service: 's000' }),
);

export function moved(list: readonly Workload[], id: string, endpointPort: number): readonly Workload[] {
  return list.map((one) =>
    one.id === id ? { ...one, ports: one.ports.map((port) => ({ ...port, endpointPort })) } : one,
  );
}

/** The mesh with all proxies connected. */
export function connected(secrets?: (of: Proxy) => ReturnType<typeof createCell<SecretMaterial | undefined>>) {
  const spine = spineMesh({ texts, workloads, ...(secrets ? { secrets } : {}) });
  const held = proxies.map((one) => spine.snapshots.hold(one));
  const snapshotOf = (index: number) => {
    const snapshot = held[index]?.snapshot.get();
    if (!snapshot) throw new Error(`proxy ${index} has no snapshot`);
    return snapshot;
  };
  const version = (index: number, typeUrl: string, name: string) =>
    lookup(snapshotOf(index).layers, typeUrl, name)?.version;
  return { ...spine, held, snapshotOf, version, all: () => proxies.map((_, index) => snapshotOf(index)) };
}

export function counted<Counters extends object>(counters: Counters, action: () => void): Partial<Counters> {
  const before = { ...counters };
  action();
  const entries = Object.entries(counters).map(
    ([key, now]) => [key, now - Number(before[key as keyof Counters])] as const,
  );
  return Object.fromEntries(entries.filter(([, count]) => count !== 0)) as Partial<Counters>;
}
