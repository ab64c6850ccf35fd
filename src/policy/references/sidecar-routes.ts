import type { SidecarObject, VirtualServiceObject } from '../../model/policy.ts';
import type { Service, ServiceKey } from '../../model/service.ts';
import type { Destination } from '../../model/virtual-service.ts';
import { plainHost } from '../hosts.ts';
import { importsOf } from '../imports.ts';
import { indexRules, ruleOf } from './acting-rules.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { serviceFor } from './rule-clients.ts';
import { clientsText, type SidecarClients, visibleTo } from './sidecar-clients.ts';

/** WEFT0114: a route of a service that is imported leads to one that is not. */
export function checkSidecarRoutes(scope: ReferenceScope, all: readonly SidecarClients[]): void {
  const rules = indexRules(ofKind(scope, 'VirtualService'), scope.settings.dnsSuffix);
  const visible = visibleTo(scope);
  for (const clients of all) {
    const { sidecar, namespaces } = clients;
    const { egress } = sidecar.spec;
    // Whoever imports everything can miss nothing.
    if (egress === undefined || egress.some(({ hosts }) => hosts.every(({ text }) => text === '*/*'))) continue;
    const told = new Set<string>();
    for (const client of namespaces) {
      const seen = visible(client);
      const imports = egress.flatMap(({ hosts }) => importsOf(hosts, seen, client, scope.settings.dnsSuffix));
      const imported = new Set(imports.map(({ service }) => service.key));
      const acting = new Set(imports.flatMap(({ service }) => ruleOf(rules, service, client) ?? []));
      for (const object of acting) checkRoutes(scope, object, client, imported, clients, told);
    }
  }
}

function checkRoutes(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  client: string,
  imported: ReadonlySet<ServiceKey>,
  clients: SidecarClients,
  told: Set<string>,
): void {
  const check = (destination: Destination, field: string) => {
    const service = serviceFor(scope, object, destination.host, client);
    const key = `${object.namespace}/${object.name} ${field}`;
    if (service === undefined || told.has(key)) return;
    // Of several services with one host any that is imported is meant.
    const same = scope.byHost.get(service.host) ?? [service];
    if (same.some((each) => imported.has(each.key))) return;
    told.add(key);
    reportRoute(scope, object, field, destination.host, service, clients);
  };
  const forClient = (match: readonly { readonly sourceNamespace?: string }[]) =>
    match.length === 0 || match.some(({ sourceNamespace = client }) => sourceNamespace === client);
  for (const layer of ['http', 'tls', 'tcp'] as const) {
    object.spec[layer].forEach((rule, index) => {
      if (!forClient(rule.match)) return;
      const path = `spec.${layer}[${index}]`;
      for (const [at, { destination }] of rule.route.entries())
        check(destination, `${path}.route[${at}].destination.host`);
      const mirrors = 'mirrors' in rule ? rule.mirrors : [];
      for (const [at, { destination }] of mirrors.entries())
        check(destination, `${path}.mirrors[${at}].destination.host`);
    });
  }
}

function reportRoute(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  field: string,
  host: string,
  service: Service,
  clients: SidecarClients,
): void {
  const { sidecar } = clients;
  const at = lastHosts(sidecar);
  const space = service.namespace === sidecar.namespace ? '.' : service.namespace;
  const message = `${host} is not imported by the Sidecar of ${clientsText(clients)}`;
  const hint = `add "${space}/${plainHost(service.host)}" at ${placeOf(sidecar, at)}`;
  reportAt(scope, 'WEFT0114', object, field, message, hint, { related: relatedTo(sidecar, at, 'imported hosts') });
}

/** Where hosts stand that any call may take: the entry without a port, if there is one, is the last. */
function lastHosts({ spec }: SidecarObject): string {
  return `spec.egress[${(spec.egress ?? []).length - 1}].hosts`;
}
