import { undeclaredProtocol } from '../model/detect-protocol.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, Protocol, ServiceEntryObject, ServiceObject } from '../model/policy.ts';
import { protocolOfName } from '../model/protocol.ts';
import type { NodePort } from '../model/proxy.ts';
import type { ServicePortSpec } from '../model/registry-objects.ts';
import { selects } from '../model/selector.ts';
import { hasSelector, selectorOf } from './policy-index.ts';

/**
 * The protocol of one workload port: what the Service that selects the workload says of it (P28), else what the proxy declared, as its
 * implied Service does. Two
 * Services that disagree are refused before serving (P30); should they meet at run time, the first by name holds. `services` are
 * those of the workload's namespace, in the order of names.
 */
export function inboundProtocol(
  services: readonly (ServiceObject | ServiceEntryObject)[],
  labels: Labels,
  ports: readonly NodePort[],
  port: NodePort,
  settings: Pick<MeshSettings, 'protocolDetection'>,
): Protocol {
  for (const service of services) {
    const selector = selectorOf(service);
    if (!hasSelector(selector) || !selects(selector, labels)) continue;
    for (const servicePort of service.spec.ports) {
      if (servedBy(servicePort, ports)?.port === port.port)
        return servicePort.declared ? servicePort.protocol : undeclaredProtocol(settings);
    }
  }
  return port.protocol ?? protocolOfName(port.name ?? '') ?? undeclaredProtocol(settings);
}

/** The workload port of a service port (section 2): the one of its name, else `targetPort`, else its number. */
export function servedBy(servicePort: ServicePortSpec, ports: readonly NodePort[]): NodePort | undefined {
  const named = (name: string) => ports.find((port) => port.name === name);
  const byName = servicePort.name === undefined ? undefined : named(servicePort.name);
  if (byName) return byName;
  const target = servicePort.targetPort ?? servicePort.port;
  return typeof target === 'string' ? named(target) : ports.find((port) => port.port === target);
}
