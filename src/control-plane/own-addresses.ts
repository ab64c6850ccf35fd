import type { Mesh } from '../model/mesh.ts';
import type { Workload } from '../model/workload.ts';
import type { ServicePort } from '../proto/gen/weft/v1/membership_pb.ts';

/** A service port that leads to a workload, as its sidecar hears of it. */
export type OwnAddress = Pick<ServicePort, 'host' | 'port' | 'protocol'>;

/**
 * The service ports that lead to a workload, in the order of services. Selectors reach no further than their namespace, so only its
 * services are looked at.
 */
export function ownAddresses(mesh: Mesh | undefined, { id, namespace }: Workload): readonly OwnAddress[] {
  const services = mesh?.services.filter((service) => service.namespace === namespace) ?? [];
  return services.flatMap(({ key, name, host, ports }) => {
    const endpoints = mesh?.endpoints.get(key);
    return ports
      .filter(({ number }) => endpoints?.get(number)?.some(({ workload }) => workload === id))
      .map(({ number, protocol }) => ({ host: name === host ? host : `${name}.${namespace}`, port: number, protocol }));
  });
}
