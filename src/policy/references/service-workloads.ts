import type { Protocol, ServiceObject } from '../../model/policy.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { isEndpointFor, type Workload } from '../../model/workload.ts';
import { ofKind, type ReferenceScope } from './reference-scope.ts';

/** The workloads behind a service; undefined where they are not known or the endpoints are no workloads. */
export function workloadsOf(scope: ReferenceScope, service: Service): readonly Workload[] | undefined {
  const own = scope.workloads?.filter((workload) => workload.namespace === service.namespace);
  if (!own) return undefined;
  if (service.origin === 'implied') return own.filter((workload) => workload.service === service.name);
  const { object } = service.by ?? {};
  if (service.origin === 'service') {
    const written = ofKind(scope, 'Service').find(
      ({ name, namespace }) => name === object?.name && namespace === service.namespace,
    );
    return written && selected(written, own);
  }
  const entry = ofKind(scope, 'ServiceEntry').find(
    ({ name, namespace }) => name === object?.name && namespace === service.namespace,
  );
  const selector = entry?.spec.workloadSelector;
  return selector && own.filter((workload) => isEndpointFor(selector, workload));
}

/** The workloads of a namespace that are endpoints of a Service; an empty selector selects none (section 2). */
export function selected(service: ServiceObject, own: readonly Workload[]): readonly Workload[] {
  if (Object.keys(service.spec.selector).length === 0) return [];
  return own.filter(
    (workload) => workload.namespace === service.namespace && isEndpointFor(service.spec.selector, workload),
  );
}

export interface PortUse {
  readonly port: number;
  readonly protocol: Protocol;
  /** Absent: the workload's own declaration, of a service that nobody wrote. */
  readonly by?: { readonly service: ServiceObject; readonly field: string };
}

/** The workload's own port behind a port of a service (section 2); undefined where nothing says. */
export function portUsed(
  scope: ReferenceScope,
  { namespace, origin, by }: Service,
  workload: Workload,
  port: ServicePort,
): number | undefined {
  const { name: written } = by?.object ?? {};
  const specs = [...ofKind(scope, 'Service'), ...ofKind(scope, 'ServiceEntry')].find(
    (object) =>
      object.kind === (origin === 'entry' ? 'ServiceEntry' : 'Service') &&
      object.name === written &&
      object.namespace === namespace,
  )?.spec.ports;
  const target = specs?.find((spec) => spec.port === port.number)?.targetPort;
  const numberOf = (name: string) => workload.ports.find((own) => own.name === name)?.port;
  const named = port.name === undefined ? undefined : numberOf(port.name);
  return named ?? (typeof target === 'string' ? numberOf(target) : (target ?? port.number));
}

/** Which workload ports the Services use, and with which protocol (P28, P29); else what the workload itself declares. */
export function portsUsed(services: readonly ServiceObject[], workload: Workload): readonly PortUse[] {
  const written = services
    .filter((service) => selected(service, [workload]).length > 0)
    .flatMap((service) =>
      service.spec.ports.flatMap(({ name, port, targetPort, protocol }, index): PortUse[] => {
        const named = workload.ports.find((own) => name !== undefined && own.name === name);
        const target =
          typeof targetPort === 'string' ? workload.ports.find((own) => own.name === targetPort)?.port : targetPort;
        const number = named?.port ?? target ?? (typeof targetPort === 'string' ? undefined : port);
        return number === undefined ? [] : [{ port: number, protocol, by: { service, field: `spec.ports[${index}]` } }];
      }),
    );
  if (written.length > 0) return written;
  return workload.ports.flatMap(({ port, protocol }) => (protocol ? [{ port, protocol }] : []));
}
