import { compareText } from '../model/compare-text.ts';
import { Failure } from '../model/failure.ts';
import { spiffeId } from '../model/identity.ts';
import type { Mesh } from '../model/mesh.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Labels, ServiceObject, WorkloadEntryObject, WorkloadGroupObject } from '../model/policy.ts';
import type { NodePort, Proxy } from '../model/proxy.ts';
import type { ServicePortSpec } from '../model/registry-objects.ts';
import { selects } from '../model/selector.ts';

/** Who a proxy is, as far as files alone tell it. */
type Described = Pick<Proxy, 'name' | 'namespace' | 'service' | 'labels' | 'ports' | 'locality'> & {
  readonly account: string;
};

/** The names under which `offlineProxy` knows a proxy, `<name>.<namespace>`, sorted. */
export function offlineProxyNames({ policies }: Pick<Mesh, 'policies'>): readonly string[] {
  const names = policies.objects.flatMap((object) => (isProxied(object) ? [idOf(object)] : []));
  return [...new Set(names)].sort(compareText);
}

/**
 * The proxy that files describe without one being connected (B9), captured both ways as `weft run` does it. `asked`, `reviews.shop` or
 * short in `namespace`: the WorkloadEntry of that name, else a workload of the WorkloadGroup, else one of the Service of that name (labels
 * of its selector, the ports it is served on). Throws Failure WEFT0920 for a name that no file has.
 */
export function offlineProxy(mesh: Mesh, asked: string, namespace: string): Proxy {
  const { objects } = mesh.policies;
  const wanted = asked.replace(/^proxy\//, '');
  for (const id of [wanted, `${wanted}.${namespace}`]) {
    const named = objects.filter(isProxied).filter((object) => idOf(object) === id);
    const entry = named.find((object) => object.kind === 'WorkloadEntry');
    if (entry !== undefined) return proxyOf(mesh, ofEntry(mesh, entry));
    const group = named.find((object) => object.kind === 'WorkloadGroup');
    if (group !== undefined) return proxyOf(mesh, ofGroup(mesh, group));
    const service = named.find((object) => object.kind === 'Service');
    if (service !== undefined) return proxyOf(mesh, ofService(mesh, service));
  }
  throw unknownProxy(mesh, wanted);
}

/** A proxy that only calls: of `namespace`, without labels and ports. */
export function bareCaller(mesh: Mesh, namespace: string): Proxy {
  return proxyOf(mesh, { name: 'caller', namespace, service: 'caller', labels: {}, ports: [], account: 'default' });
}

function unknownProxy(mesh: Mesh, wanted: string): Failure {
  const names = offlineProxyNames(mesh);
  const meant = nearestName(wanted, names) ?? nearestName(wanted.split('.')[0] ?? '', names.map(firstOf));
  const known = names.find((name) => name === meant || firstOf(name) === meant);
  const lines = [
    ...(known === undefined ? [] : [`did you mean "${known}"?`]),
    names.length === 0
      ? 'there is no Service, WorkloadEntry or WorkloadGroup'
      : `there are: ${names.slice(0, mostNames).join(', ')}${names.length > mostNames ? `, ${names.length - mostNames} more` : ''}`,
    'who only calls is in no file: leave the flag out for a caller of the namespace -n',
  ];
  return new Failure('WEFT0920', `no Service, WorkloadEntry or WorkloadGroup is named "${wanted}"`, lines.join('\n'));
}

const mostNames = 20;

function isProxied(object: {
  readonly kind: string;
}): object is ServiceObject | WorkloadEntryObject | WorkloadGroupObject {
  return object.kind === 'Service' || object.kind === 'WorkloadEntry' || object.kind === 'WorkloadGroup';
}

function idOf({ name, namespace }: { readonly name: string; readonly namespace: string }): string {
  return `${name}.${namespace}`;
}

function firstOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function ofEntry(mesh: Mesh, entry: WorkloadEntryObject): Described {
  const { name, namespace, spec } = entry;
  const labels = mesh.workloads.get(idOf(entry))?.labels ?? spec.labels;
  const services = selecting(mesh, namespace, labels);
  const named = Object.entries(spec.ports).map(([portName, port]) => nodePort(port, portName));
  const ports = portsOf(named, services);
  return {
    name,
    namespace,
    service: services[0]?.name ?? name,
    labels,
    ports,
    ...(spec.locality && { locality: spec.locality }),
    account: spec.serviceAccount ?? 'default',
  };
}

/** A workload that has joined the group and claims nothing itself. */
function ofGroup(mesh: Mesh, { name, namespace, spec: { template } }: WorkloadGroupObject): Described {
  const labels = { app: name, ...template.labels };
  const named = Object.entries(template.ports).map(([portName, port]) => nodePort(port, portName));
  return {
    name,
    namespace,
    service: name,
    labels,
    // What a group lists is all that its workloads serve.
    ports: portsOf(named, named.length > 0 ? [] : selecting(mesh, namespace, labels)),
    ...(template.locality && { locality: template.locality }),
    account: template.serviceAccount ?? name,
  };
}

function ofService(mesh: Mesh, service: ServiceObject): Described {
  const { name, namespace, spec } = service;
  const others = Object.keys(spec.selector).length === 0 ? [] : selecting(mesh, namespace, spec.selector);
  const ports = portsOf([], [service, ...others.filter((other) => other !== service)]);
  return { name, namespace, service: name, labels: spec.selector, ports, account: name };
}

/** The Services of a namespace that select these labels, in the order of names. */
function selecting(mesh: Mesh, namespace: string, labels: Labels): readonly ServiceObject[] {
  return mesh.policies.objects.filter(
    (object): object is ServiceObject =>
      object.kind === 'Service' &&
      object.namespace === namespace &&
      Object.keys(object.spec.selector).length > 0 &&
      selects(object.spec.selector, labels),
  );
}

/** The ports that an application has for these Services, those that are known by name first; each number once. */
function portsOf(named: readonly NodePort[], services: readonly ServiceObject[]): readonly NodePort[] {
  const ports = [...named];
  for (const port of services.flatMap(({ spec }) => spec.ports).map((port) => workloadPort(port, named)))
    if (!ports.some((other) => other.port === port.port)) ports.push(port);
  return ports.sort((left, right) => left.port - right.port);
}

/** Where a service port is served (section 2). A name that no file gives a number to gets the number of the service port. */
function workloadPort(port: ServicePortSpec, named: readonly NodePort[]): NodePort {
  const { name, targetPort = port.port } = port;
  const known = named.find((other) => other.name === name) ?? named.find((other) => other.name === targetPort);
  if (known !== undefined) return known;
  return typeof targetPort === 'number' ? nodePort(targetPort) : nodePort(port.port, targetPort);
}

/** Callers connect where `weft run` would listen; a port that leaves no room for that is mirrored at the other end. */
function nodePort(port: number, name?: string): NodePort {
  const inbound = port + 10_000 < 65_536 ? port + 10_000 : port - 10_000;
  return { ...(name === undefined ? {} : { name }), port, inbound };
}

function proxyOf({ settings: { trustDomain } }: Mesh, { account, ...described }: Described): Proxy {
  const { namespace } = described;
  return {
    ...described,
    id: idOf(described),
    identity: spiffeId({ trustDomain, namespace, serviceAccount: account }),
    inboundBind: '0.0.0.0',
    applicationAddress: '127.0.0.1',
    // As Envoy shows it: with the virtual hosts in their route configuration.
    capture: { bind: '127.0.0.1', proxy: 15_001, ports: true, wholeRoutes: true },
    envoyVersion: '',
    helped: true,
  };
}
