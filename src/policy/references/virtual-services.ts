import { nearestName } from '../../model/nearest-name.ts';
import type { VirtualServiceObject } from '../../model/policy.ts';
import { refOf } from '../../model/policy-provenance.ts';
import { refText } from '../../model/provenance.ts';
import { isHttp, type Service } from '../../model/service.ts';
import type { HttpRule } from '../../model/virtual-service.ts';
import { hostCovers, isVisible, isWildcardHost, resolveHost } from '../hosts.ts';
import {
  ofKind,
  placeOf,
  type ReferenceScope,
  relatedTo,
  reportAt,
  reportNoService,
  rulesFor,
  serviceOf,
} from './reference-scope.ts';

/** What VirtualServices name: their hosts, ports, destinations and subsets, and whether two of them meet. */
export function checkVirtualServices(scope: ReferenceScope): void {
  const objects = ofKind(scope, 'VirtualService');
  checkRivals(scope, objects);
  if (!scope.services) return;
  for (const object of objects) {
    const called = object.spec.hosts.flatMap((host, index) => checkHost(scope, object, host, index));
    object.spec.http.forEach((rule, index) => {
      const field = `spec.http[${index}]`;
      const ports = calledPorts(scope, object, rule, field, called);
      for (const [at, route] of rule.route.entries()) {
        checkDestination(scope, object, `${field}.route[${at}].destination`, route.destination, ports);
      }
      for (const [at, mirror] of rule.mirrors.entries()) {
        checkDestination(scope, object, `${field}.mirrors[${at}].destination`, mirror.destination, ports);
      }
    });
  }
}

/** The services of one host, with WEFT0101 (a warning: an object that routes nothing harms nobody), WEFT0102 and WEFT0136. */
function checkHost(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  host: string,
  index: number,
): readonly Service[] {
  const field = `spec.hosts[${index}]`;
  const name = resolveHost(host, object.namespace, scope.settings.dnsSuffix);
  const one = isWildcardHost(name) ? undefined : serviceOf(scope, object, host);
  const services = isWildcardHost(name)
    ? (scope.services ?? []).filter((service) => hostCovers(name, service.host))
    : one
      ? [one]
      : [];
  if (services.length === 0) reportNoService(scope, 'WEFT0101', object, field, host, 'warning');
  else if (!services.some((service) => service.ports.some(({ protocol }) => isHttp(protocol)))) {
    reportAt(scope, 'WEFT0136', object, field, `http rules meet no such port of ${host}`, portsHint(services));
  }
  return services;
}

function portsHint(services: readonly Service[]): string {
  const ports = services.flatMap((service) => service.ports.map(({ number, protocol }) => `${number}: ${protocol}`));
  return `ports: ${[...new Set(ports)].join(', ') || 'none'}; set appProtocol: http where it is HTTP`;
}

/** The ports at which a rule can be met (P10, P19), with WEFT0113 and WEFT0136 for `match[].port`. */
function calledPorts(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rule: HttpRule,
  field: string,
  called: readonly Service[],
): readonly number[] {
  const ports = called.flatMap((service) => service.ports);
  const http = ports.filter(({ protocol }) => isHttp(protocol)).map(({ number }) => number);
  const named = rule.match.map(({ port }) => port);
  named.forEach((port, index) => {
    if (port === undefined || called.length === 0) return;
    const at = `${field}.match[${index}].port`;
    const host = object.spec.hosts.join(', ');
    if (!ports.some(({ number }) => number === port)) {
      reportAt(
        scope,
        'WEFT0113',
        object,
        at,
        `${host} has no port ${port}`,
        `ports: ${[...new Set(ports.map(({ number }) => number))].join(', ')}`,
      );
    } else if (!http.includes(port)) {
      reportAt(scope, 'WEFT0136', object, at, `http rules meet no such port of ${host}`, portsHint(called));
    }
  });
  const limited = named.length > 0 && named.every((port) => port !== undefined);
  return limited ? http.filter((port) => named.includes(port)) : http;
}

/** WEFT0101, WEFT0112, WEFT0113 (P14) and WEFT0173. `field` may be that of a single `mirror`, which has the same place. */
function checkDestination(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  field: string,
  destination: HttpRule['route'][number]['destination'],
  called: readonly number[],
): void {
  const { host, port, subset } = destination;
  const service = serviceOf(scope, object, host);
  if (!service) {
    reportNoService(scope, 'WEFT0101', object, `${field}.host`, host, scope.workloads ? 'error' : 'warning');
    return;
  }
  const numbers = service.ports.map(({ number }) => number);
  if (port !== undefined && !numbers.includes(port)) {
    reportAt(
      scope,
      'WEFT0113',
      object,
      `${field}.port.number`,
      `${host} has no port ${port}`,
      `ports: ${numbers.join(', ')}`,
    );
  }
  const unclear = called.filter((number) => !numbers.includes(number));
  if (port === undefined && numbers.length > 1 && unclear.length > 0) {
    const message = `${host} has several ports; the destination names none`;
    reportAt(scope, 'WEFT0112', object, `${field}.host`, message, `add port.number: one of ${numbers.join(', ')}`);
  }
  if (subset === undefined) return;
  const rules = rulesFor(scope, service, object.namespace);
  const names = rules.flatMap((rule) => rule.spec.subsets.map(({ name }) => name));
  if (names.includes(subset)) return;
  const [rule] = rules;
  const near = nearestName(subset, names);
  const hint = rule
    ? `${near ? `did you mean ${JSON.stringify(near)}? ` : ''}defined: ${names.join(', ') || 'none'} at ${placeOf(rule, 'spec.subsets')}`
    : `add a DestinationRule for ${host} with this subset`;
  const message = `subset ${JSON.stringify(subset)} of ${host} is not defined`;
  reportAt(
    scope,
    'WEFT0173',
    object,
    `${field}.subset`,
    message,
    hint,
    rule ? { related: relatedTo(rule, 'spec.subsets', 'subsets') } : {},
  );
}

/** P9: two VirtualServices of one host with the same visibility for some client (WEFT0109). */
function checkRivals(scope: ReferenceScope, objects: readonly VirtualServiceObject[]): void {
  const byHost = new Map<string, VirtualServiceObject[]>();
  for (const object of objects) {
    for (const host of new Set(
      object.spec.hosts.map((one) => resolveHost(one, object.namespace, scope.settings.dnsSuffix)),
    )) {
      const others = byHost.get(host) ?? [];
      const rival = others
        .map((other) => ({ other, client: tie(other, object) }))
        .find(({ client }) => client !== undefined);
      if (rival) {
        const index = object.spec.hosts.findIndex(
          (one) => resolveHost(one, object.namespace, scope.settings.dnsSuffix) === host,
        );
        const clients = rival.client === anyNamespace ? 'all namespaces' : rival.client;
        const message = `two VirtualServices route ${host} for clients in ${clients}`;
        const hint = `other: ${placeOf(rival.other, 'spec.hosts')}; merge, or limit exportTo`;
        const related = relatedTo(rival.other, 'spec.hosts', refText(refOf(rival.other)));
        reportAt(scope, 'WEFT0109', object, `spec.hosts[${index}]`, message, hint, { related });
      }
      byHost.set(host, [...others, object]);
    }
  }
}

/** Stands for a namespace that nobody names. */
const anyNamespace = '*';

/** A namespace for whose clients both objects are visible in the same way: private, by name, or public. */
function tie(a: VirtualServiceObject, b: VirtualServiceObject): string | undefined {
  const named = [...a.spec.exportTo, ...b.spec.exportTo].filter((entry) => entry !== '*' && entry !== '.');
  const clients = [anyNamespace, ...new Set([a.namespace, b.namespace, ...named])];
  return clients.find((client) => {
    const left = visibility(a, client);
    return left !== undefined && left === visibility(b, client);
  });
}

function visibility(object: VirtualServiceObject, client: string): 'public' | 'private' | 'named' | undefined {
  const { exportTo } = object.spec;
  if (!isVisible(exportTo, object.namespace, client)) return undefined;
  if (exportTo.length === 0 || exportTo.includes('*')) return 'public';
  return object.namespace === client ? 'private' : 'named';
}
