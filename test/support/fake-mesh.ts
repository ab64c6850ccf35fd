import { localPortKey, type Mesh } from '../../src/model/mesh.ts';
import type { Endpoint, Service } from '../../src/model/service.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import { byId, policySet, service, settings, workload } from './registry-values.ts';

function meshService(name: string, port: number): Service {
  return {
    key: serviceKeyOf('shop', `${name}.shop.svc.cluster.local`),
    namespace: 'shop',
    name,
    host: `${name}.shop.svc.cluster.local`,
    origin: 'service',
    external: false,
    resolution: 'registry',
    addresses: [],
    ports: [{ name: 'http', number: port, protocol: 'http' }],
    exportTo: ['*'],
    subjectAltNames: [],
  };
}

/** Two services, reviews with two workloads behind proxies. */
export function fakeMesh(): Mesh {
  const workloads = byId(
    workload('frontend-1', 'frontend', 19_080),
    workload('reviews-1', 'reviews', 19_081),
    workload('reviews-2', 'reviews', 19_082),
  );
  const services = [meshService('frontend', 9080), meshService('reviews', 9080)];
  const endpointsOf = (name: string): readonly Endpoint[] =>
    [...workloads.values()]
      .filter((item) => item.service === name)
      .map((item) => ({
        workload: item.id,
        address: item.address,
        port: item.ports[0]?.endpointPort ?? 0,
        labels: item.labels,
        weight: 1,
        health: 'healthy' as const,
        ...(item.identity ? { identity: item.identity } : {}),
      }));
  return {
    generation: 7,
    settings,
    policies: policySet(service('reviews')),
    services,
    endpoints: new Map(services.map((item) => [item.key, new Map([[9080, endpointsOf(item.name)]])])),
    workloads,
    localPorts: new Map(services.map((item, index) => [localPortKey(item.key, 9080), 21_000 + index])),
  };
}
