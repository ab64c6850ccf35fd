import { isOutsideHost, outsideName } from '../../model/outside-host.ts';
import type { VirtualServiceObject } from '../../model/policy.ts';
import { layersOf as layersOfPort, type Service } from '../../model/service.ts';
import { declareLayer } from './declare-layer.ts';
import { areAway, hadPort, type ReferenceScope, reportAt, reportAway, reportNoService } from './reference-scope.ts';
import { candidatesOf, servicesMeant } from './rule-clients.ts';

/** Whose rules act on a port (P19). */
export type Layer = ReturnType<typeof layersOfPort>[number];

/** The layers of which an object has rules. */
function layersOf({ spec }: VirtualServiceObject): readonly Layer[] {
  return (['http', 'tls', 'tcp'] as const).filter((layer) => spec[layer].length > 0);
}

/** Of the mesh, or meant for connections: the host is one that nobody knows (D18). */
const idleRules = ', so these rules do not act on requests to it';
/** Decision 44, as in Istio. */
const routedAlone = ': its http rules act on requests to port 80, and no others do';

const namespacesOf = new WeakMap<readonly Service[], ReadonlySet<string>>();

function isRouted({ services = [], settings }: ReferenceScope, { spec }: VirtualServiceObject, host: string): boolean {
  if (spec.http.length === 0 || !isOutsideHost(host, settings.dnsSuffix)) return false;
  const namespaces = namespacesOf.get(services) ?? new Set(services.map(({ namespace }) => namespace));
  namespacesOf.set(services, namespaces);
  return isOutsideHost(host, settings.dnsSuffix, namespaces);
}

/**
 * The services that one host means for clients of these namespaces, with WEFT0101 (a warning: an object that routes nothing harms
 * nobody), WEFT0102 and WEFT0136.
 */
export function checkHost(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  host: string,
  index: number,
  clients: readonly string[],
): readonly Service[] {
  const field = `spec.hosts[${index}]`;
  const services = servicesMeant(scope, object, host, clients);
  const layers = layersOf(object);
  if (areAway(scope, services)) reportAway(scope, 'WEFT0101', object, field, host, services, idleRules);
  const [hidden] = services.length === 0 ? candidatesOf(scope, object, host) : [];
  if (hidden) {
    const message = `service ${JSON.stringify(host)} is not exported to any client of this object${idleRules}`;
    reportAt(scope, 'WEFT0101', object, field, message, exportHint(hidden), { severity: 'warning' });
  } else if (services.length === 0 && isRouted(scope, object, host))
    reportNoService(scope, 'WEFT0101', object, field, host, 'info', routedAlone);
  else if (services.length === 0) reportNoService(scope, 'WEFT0101', object, field, host, 'warning', idleRules);
  else if (!layers.some((layer) => portsOf(services, layer).length > 0)) {
    const message = `${layers.join(' and ')} rules meet no such port of ${host}`;
    reportAt(scope, 'WEFT0136', object, field, message, portsHint(services, layers), onceMet(scope, services, layers));
  }
  return services;
}

/** Who keeps a service from clients, and where. */
export function exportHint({ exportTo, by }: Service): string {
  const place = by === undefined ? '' : `; the service: ${by.at.file}:${by.at.line}`;
  return `its exportTo is ${exportTo.join(', ')}: export it to them, or limit exportTo of this object${place}`;
}

/** P19: rules of a layer of which no host has a port (WEFT0136), unless that was said of the hosts already. */
export function checkLayers(scope: ReferenceScope, object: VirtualServiceObject, called: readonly Service[]): void {
  const layers = layersOf(object);
  const met = layers.filter((layer) => portsOf(called, layer).length > 0);
  if (met.length === 0) return;
  for (const layer of layers) {
    if (met.includes(layer)) continue;
    const message = `${layer} rules meet no such port of ${object.spec.hosts.join(', ')}`;
    const details = onceMet(scope, called, [layer]);
    reportAt(scope, 'WEFT0136', object, `spec.${layer}`, message, portsHint(called, [layer]), details);
  }
}

/** The ports at which a rule of a layer can be met (P10, P19), with WEFT0113 and WEFT0136 for `match[].port`. */
export function calledPorts(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  layer: Layer,
  match: readonly { readonly port?: number }[],
  field: string,
  called: readonly Service[],
): readonly number[] {
  const all = [...new Set(called.flatMap((service) => service.ports.map(({ number }) => number)))];
  const isAlone = (host: string) =>
    isRouted(scope, object, host) && !called.some((service) => service.host === outsideName(host));
  const alone = layer === 'http' && object.spec.hosts.some(isAlone) ? [80] : [];
  const ofLayer = [...new Set([...portsOf(called, layer), ...alone])];
  const named = match.map(({ port }) => port);
  named.forEach((port, index) => {
    if (port === undefined || called.length === 0) return;
    const at = `${field}.match[${index}].port`;
    const host = object.spec.hosts.join(', ');
    if (!all.includes(port)) {
      const isAway = called.some((service) => hadPort(scope, service, port));
      const message = isAway ? `no workload of ${host} with port ${port} is here now` : `${host} has no port ${port}`;
      const details = isAway ? ({ severity: 'warning' } as const) : {};
      reportAt(scope, 'WEFT0113', object, at, message, `ports: ${all.join(', ')}`, details);
    } else if (!ofLayer.includes(port)) {
      const message = `${layer} rules meet no such port of ${host}`;
      reportAt(scope, 'WEFT0136', object, at, message, portsHint(called, [layer]), onceMet(scope, called, [layer]));
    }
  });
  const limited = named.length > 0 && named.every((port) => port !== undefined);
  return limited ? ofLayer.filter((port) => named.includes(port)) : ofLayer;
}

function portsOf(services: readonly Service[], layer: Layer): readonly number[] {
  const ports = services.flatMap((service) => service.ports);
  return ports.filter(({ protocol }) => layersOfPort(protocol).includes(layer)).map(({ number }) => number);
}

/** A warning where workloads that have left had such a port (decision 47). */
function onceMet(
  { absent }: ReferenceScope,
  services: readonly Service[],
  layers: readonly Layer[],
): { readonly severity?: 'warning' } {
  const ports = services.flatMap(({ key }) => absent?.ports.get(key) ?? []);
  const wasMet = ports.some(({ protocol }) => layersOfPort(protocol).some((layer) => layers.includes(layer)));
  return wasMet ? { severity: 'warning' } : {};
}

function portsHint(services: readonly Service[], layers: readonly Layer[]): string {
  const ports = services.flatMap((service) => service.ports.map(({ number, protocol }) => `${number}: ${protocol}`));
  const [layer = 'http'] = layers;
  return `ports: ${[...new Set(ports)].join(', ') || 'none'}; ${declareLayer(services, layer)}`;
}
