import type { Labels, Protocol, ServiceEntryObject, ServiceObject } from '../../model/policy.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { isEndpointFor, type Workload } from '../../model/workload.ts';
import { having, pairOf } from './having.ts';
import type { ReferenceScope } from './reference-scope.ts';
import { groupBy, objectNamed, workloadsIn } from './scope-index.ts';

/** The workloads behind a service; undefined where they are not known or the endpoints are no workloads. */
export function workloadsOf(scope: ReferenceScope, service: Service): readonly Workload[] | undefined {
  const own = workloadsIn(scope, service.namespace);
  if (!own) return undefined;
  if (service.origin === 'implied') return own.filter((workload) => workload.service === service.name);
  const { object } = service.by ?? {};
  if (service.origin === 'service') {
    const written = objectNamed(scope, 'Service', service.namespace, object?.name);
    return written && selected(written, own);
  }
  const entry = objectNamed(scope, 'ServiceEntry', service.namespace, object?.name);
  const selector = entry?.spec.workloadSelector;
  return selector && having(own, selector).filter((workload) => isEndpointFor(selector, workload));
}

/** The workloads of a namespace that are endpoints of a Service; an empty selector selects none (section 2). */
export function selected(service: ServiceObject, own: readonly Workload[]): readonly Workload[] {
  if (Object.keys(service.spec.selector).length === 0) return [];
  return having(own, service.spec.selector).filter(
    (workload) => workload.namespace === service.namespace && isEndpointFor(service.spec.selector, workload),
  );
}

/** What leads to workloads by their labels. */
export type Selecting = ServiceObject | ServiceEntryObject;

export interface PortUse {
  readonly port: number;
  readonly protocol: Protocol;
  /** Absent: the workload's own declaration, of a service that nobody wrote. */
  readonly by?: { readonly service: Selecting; readonly field: string };
}

/** The workload's own port behind a port of a service (section 2); undefined where nothing says. */
export function portUsed(
  scope: ReferenceScope,
  { namespace, origin, by }: Service,
  workload: Workload,
  port: ServicePort,
): number | undefined {
  const { name: written } = by?.object ?? {};
  const kind = origin === 'entry' ? 'ServiceEntry' : 'Service';
  const specs = objectNamed(scope, kind, namespace, written)?.spec.ports;
  const target = specs?.find((spec) => spec.port === port.number)?.targetPort;
  const numberOf = (name: string) => workload.ports.find((own) => own.name === name)?.port;
  const named = port.name === undefined ? undefined : numberOf(port.name);
  return named ?? (typeof target === 'string' ? numberOf(target) : (target ?? port.number));
}

/** Which workload ports the Services use, and with which protocol (P28, P29); else what the workload itself declares. */
export function portsUsed(services: readonly Selecting[], workload: Workload): readonly PortUse[] {
  let known = uses.get(services);
  if (known === undefined) {
    known = new WeakMap();
    uses.set(services, known);
  }
  const before = known.get(workload);
  if (before !== undefined) return before;
  const used = usedBy(services, workload);
  known.set(workload, used);
  return used;
}

const uses = new WeakMap<readonly Selecting[], WeakMap<Workload, readonly PortUse[]>>();

function selectorOf(object: Selecting): Labels {
  return object.kind === 'Service' ? object.spec.selector : (object.spec.workloadSelector ?? {});
}

/** Services, and ServiceEntries that choose their endpoints; the same list for the same lists. */
export function selecting(
  services: readonly ServiceObject[],
  entries: readonly ServiceEntryObject[],
): readonly Selecting[] {
  const before = both.get(services);
  if (before?.entries === entries) return before.list;
  const choosing = entries.filter((entry) => Object.keys(selectorOf(entry)).length > 0);
  const list = choosing.length === 0 ? services : [...services, ...choosing];
  both.set(services, { entries, list });
  return list;
}

const both = new WeakMap<
  readonly ServiceObject[],
  { readonly entries: readonly ServiceEntryObject[]; readonly list: readonly Selecting[] }
>();

/** Services by namespace and the first label that they select, with their places in the list. */
const bySelector = new WeakMap<readonly Selecting[], ReadonlyMap<string, readonly number[]>>();

function placesOf(services: readonly Selecting[], { namespace, labels }: Workload): readonly number[] {
  let index = bySelector.get(services);
  if (index === undefined) {
    const places = services.map((service, place) => ({ service, place }));
    const keyOf = ({ service }: { readonly service: Selecting }) => {
      const [first] = Object.entries(selectorOf(service));
      return first === undefined ? '' : `${service.namespace}/${pairOf(...first)}`;
    };
    index = new Map([...groupBy(places, keyOf)].map(([key, list]) => [key, list.map(({ place }) => place)]));
    bySelector.set(services, index);
  }
  const found = Object.entries(labels).flatMap((label) => index.get(`${namespace}/${pairOf(...label)}`) ?? []);
  return found.sort((a, b) => a - b);
}

function usedBy(services: readonly Selecting[], workload: Workload): readonly PortUse[] {
  const written = placesOf(services, workload)
    .flatMap((place) => services[place] ?? [])
    .filter((service) => isEndpointFor(selectorOf(service), workload))
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
