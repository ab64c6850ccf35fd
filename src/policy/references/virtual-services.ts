import type { VirtualServiceObject } from '../../model/policy.ts';
import { refOf } from '../../model/policy-provenance.ts';
import { refText } from '../../model/provenance.ts';
import { isVisible, resolveHost } from '../hosts.ts';
import { checkConnectionRules } from './connection-rules.ts';
import { checkNamedAuthority } from './named-authority.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { anyNamespace, clientNamespaces, clientsOf, matchedBy } from './rule-clients.ts';
import { checkDestination } from './rule-destination.ts';
import { calledPorts, checkHost, checkLayers } from './rule-ports.ts';

/** What a VirtualService names, as those for whom it acts see it: its hosts, ports, destinations and subsets. */
export function checkVirtualService(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rivals: readonly VirtualServiceObject[],
): void {
  if (!scope.services) return;
  const namespaces = clientNamespaces(scope, object, rivals);
  const called = object.spec.hosts.flatMap((host, index) => checkHost(scope, object, host, index, namespaces));
  const clients = clientsOf(scope, object, rivals, called, namespaces);
  checkLayers(scope, object, called);
  checkConnectionRules(scope, object, called, clients);
  object.spec.http.forEach((rule, index) => {
    const field = `spec.http[${index}]`;
    const ports = calledPorts(scope, object, 'http', rule.match, field, called);
    const callers = matchedBy(clients, rule.match);
    for (const [at, route] of rule.route.entries()) {
      checkDestination(scope, object, `${field}.route[${at}].destination`, route.destination, ports, callers);
    }
    checkNamedAuthority(scope, object, rule, field, callers);
    for (const [at, mirror] of rule.mirrors.entries()) {
      checkDestination(scope, object, `${field}.mirrors[${at}].destination`, mirror.destination, ports, callers);
    }
  });
}

/** P9: two VirtualServices of one host with the same visibility for some client (WEFT0109). */
export function checkRivals(scope: ReferenceScope): void {
  const byHost = new Map<string, VirtualServiceObject[]>();
  for (const object of ofKind(scope, 'VirtualService')) {
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
