import type { ServicePortSpec } from '../../src/model/registry-objects.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { BuiltServices } from '../../src/registry/services.ts';

export const key = (name: string, namespace = 'shop') =>
  serviceKeyOf(namespace, `${name}.${namespace}.svc.cluster.local`);
export const places = (built: BuiltServices, of: ReturnType<typeof key>, port = 80) =>
  built.endpoints
    .get(of)
    ?.get(port)
    ?.map((endpoint) => `${endpoint.workload}@${endpoint.address}:${endpoint.port}`);
export const port = (over: Partial<ServicePortSpec> = {}): ServicePortSpec => ({
  port: 80,
  protocol: 'http',
  declared: true,
  ...over,
});
