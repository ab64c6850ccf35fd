import { nearestName } from '../../model/nearest-name.ts';
import type { SidecarObject } from '../../model/policy.ts';
import { isHttp, layerOf, type Service } from '../../model/service.ts';
import type { SidecarEgress, SidecarListener } from '../../model/sidecar-policy.ts';
import { canonicalHost, hostCovers, isWildcardHost, plainHost } from '../hosts.ts';
import { type Import, importsOf, listenerPort } from '../imports.ts';
import { areAway, type ReferenceScope, relatedServices, reportAt, reportAway } from './reference-scope.ts';
import { type SidecarClients, visibleTo } from './sidecar-clients.ts';
import { checkWildcard } from './sidecar-wildcards.ts';

/** What the hosts of egress mean for the clients of each Sidecar, and where its listeners lead (P8). */
export function checkSidecarImports(scope: ReferenceScope, all: readonly SidecarClients[]): void {
  const visible = visibleTo(scope);
  for (const { sidecar, namespaces } of all) {
    // What is said of one namespace is not said of the next again.
    const told = new Set<string>();
    for (const client of namespaces) {
      const seen = visible(client);
      sidecar.spec.egress?.forEach((entry, index) => {
        const path = `spec.egress[${index}]`;
        const imports = importsOf(entry.hosts, seen, client, scope.settings.dnsSuffix);
        checkRivals(scope, sidecar, entry, path, client, imports, told);
        if (client !== sidecar.namespace) return;
        checkHosts(scope, sidecar, entry, path, client);
        if (entry.listener) checkListener(scope, sidecar, entry, entry.listener, path, client, imports);
      });
    }
  }
}

/** WEFT0185: one host of several namespaces, none of which is the proxy's own. */
function checkRivals(
  scope: ReferenceScope,
  sidecar: SidecarObject,
  entry: SidecarEgress,
  path: string,
  client: string,
  imports: readonly Import[],
  told: Set<string>,
): void {
  for (const { service, rivals } of imports) {
    const [rival] = rivals;
    const host = plainHost(service.host);
    if (rival === undefined || told.has(host)) continue;
    told.add(host);
    const spaces = [service, ...rivals].map(({ namespace }) => namespace);
    const index = hostIndex(scope, entry, rival, client);
    const message = `host ${host} comes from several namespaces: ${spaces.join(', ')}`;
    const hint = `name the namespace in egress.hosts, such as "${service.namespace}/${host}"`;
    const related = relatedServices([service, ...rivals]);
    reportAt(scope, 'WEFT0185', sidecar, `${path}.hosts[${index}]`, message, hint, { related });
  }
}

/** The entry by which a service is imported. */
function hostIndex({ settings }: ReferenceScope, { hosts }: SidecarEgress, service: Service, client: string): number {
  const index = hosts.findIndex(
    ({ namespace, host, excluded }) =>
      !excluded &&
      (namespace === '*' || (namespace === '.' ? client : namespace) === service.namespace) &&
      hostCovers(canonicalHost(host, settings.dnsSuffix), plainHost(service.host)),
  );
  return Math.max(index, 0);
}

/** WEFT0174: a name that no service has where it is looked for. */
function checkHosts(
  scope: ReferenceScope,
  sidecar: SidecarObject,
  { hosts }: SidecarEgress,
  path: string,
  client: string,
): void {
  hosts.forEach((entry, index) => {
    if (isWildcardHost(entry.host)) {
      checkWildcard(scope, sidecar, entry, `${path}.hosts[${index}]`);
      return;
    }
    const host = canonicalHost(entry.host, scope.settings.dnsSuffix);
    const services = scope.byHost.get(host) ?? [];
    const namespace = entry.namespace === '.' ? client : entry.namespace;
    const meant = services.filter((service) => namespace === '*' || service.namespace === namespace);
    if (areAway(scope, meant)) reportAway(scope, 'WEFT0174', sidecar, `${path}.hosts[${index}]`, entry.text, meant);
    if (meant.length > 0) return;
    const [elsewhere] = services;
    const sign = entry.excluded ? '~' : '';
    const near = nearestName(host, [...scope.byHost.keys()]);
    const hint = elsewhere
      ? `namespace ${elsewhere.namespace} has it: write "${sign}${elsewhere.namespace}/${host}"`
      : near
        ? `did you mean ${JSON.stringify(near)}?`
        : 'declare a Service or a ServiceEntry, or correct the name';
    const message = `host ${JSON.stringify(entry.text)} matches no service`;
    reportAt(scope, 'WEFT0174', sidecar, `${path}.hosts[${index}]`, message, hint);
  });
}

/** Behind a socket stands a service with one port. */
function portHint(ports: string): string {
  return `write port.number and an address in bind instead of the socket: one of ${ports}`;
}

/** Where a listener leads: WEFT0112, WEFT0113, WEFT0136 and WEFT0140. */
function checkListener(
  scope: ReferenceScope,
  sidecar: SidecarObject,
  entry: SidecarEgress,
  listener: SidecarListener,
  path: string,
  client: string,
  imports: readonly Import[],
): void {
  const where = listener.kind === 'port' ? `port ${listener.port}` : `socket ${listener.path}`;
  const behind = imports.flatMap((each) => {
    const port = listenerPort(listener, each);
    if (port === undefined) return [];
    const { host } = each.service;
    const field = `${path}.hosts[${hostIndex(scope, entry, each.service, client)}]`;
    if (port === 'unclear') {
      const ports = each.service.ports.map(({ number }) => number).join(', ');
      const message = `${host} has several ports; ${listener.kind === 'port' ? 'none is that of the listener' : 'a socket names none'}`;
      const hint = listener.kind === 'port' ? `set port.number of the listener to one of ${ports}` : portHint(ports);
      reportAt(scope, 'WEFT0112', sidecar, field, message, hint);
      return [];
    }
    if (isHttp(listener.protocol) && !isHttp(port.protocol)) {
      const message = `the HTTP listener of ${where} meets no such port of ${host}: ${port.number} is ${port.protocol}`;
      const severity = each.exact ? 'error' : 'warning';
      reportAt(scope, 'WEFT0136', sidecar, field, message, 'give it a listener of its own, with its protocol', {
        severity,
      });
      return [];
    }
    return [each.service];
  });
  if (layerOf(listener.protocol) === 'tcp' && behind.length > 1) {
    const message = `TCP ${where} leads to several services: ${behind.map(({ host }) => host).join(', ')}`;
    reportAt(
      scope,
      'WEFT0140',
      sidecar,
      `${path}.port`,
      message,
      'name one in hosts, and give others listeners of their own',
      { related: relatedServices(behind) },
    );
  } else if (behind.length === 0 && imports.every((each) => listenerPort(listener, each) === undefined)) {
    const ports = [...new Set(imports.flatMap(({ service }) => service.ports.map(({ number }) => number)))].sort(
      (a, b) => a - b,
    );
    const message = `${where} leads nowhere: no imported service has it`;
    reportAt(scope, 'WEFT0113', sidecar, `${path}.port`, message, `ports: ${ports.slice(0, 8).join(', ') || 'none'}`, {
      severity: 'warning',
    });
  }
}
