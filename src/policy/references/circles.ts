import type { ServiceEntryObject, SidecarObject } from '../../model/policy.ts';
import { refText } from '../../model/provenance.ts';
import type { ServicePortSpec, WorkloadEntrySpec } from '../../model/registry-objects.ts';
import { isHttp, type Service } from '../../model/service.ts';
import type { SidecarEgress, SidecarListener } from '../../model/sidecar-policy.ts';
import { hostCovers, plainHost, resolveHost } from '../hosts.ts';
import { importsOf, listenerPort } from '../imports.ts';
import { indexRules, ruleOf } from './acting-rules.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { type SidecarClients, visibleTo } from './sidecar-clients.ts';

type PortListener = Extract<SidecarListener, { kind: 'port' }>;

/**
 * WEFT0172: a listener of a Sidecar leads to a service of which an endpoint is this very listener, so that a call goes round until the proxy
 * has no file descriptor left (decision 60). Said where it is so for certain: no rule leads the host elsewhere or begins TLS to it, and the
 * listener names its address.
 */
export function checkCircles(scope: ReferenceScope, all: readonly SidecarClients[]): void {
  const entries = new Map(
    ofKind(scope, 'ServiceEntry').flatMap((entry) => (hasEndpoints(entry) ? [[refText(entry), entry]] : [])),
  );
  if (entries.size === 0) return;
  const visible = visibleTo(scope);
  const told = new Set<string>();
  for (const { sidecar, namespaces } of all) {
    for (const client of namespaces) {
      sidecar.spec.egress?.forEach((egress, index) => {
        const { listener } = egress;
        if (listener?.kind !== 'port' || listener.bind === undefined) return;
        for (const { service, number } of ledTo(scope, egress, listener, visible(client), client)) {
          const entry = service.by && entries.get(refText(service.by.object));
          const at = entry === undefined ? [] : ownEndpoints(entry, number, listener);
          if (entry === undefined || at.length === 0 || isRuled(scope, service, client)) continue;
          for (const position of at) report(scope, sidecar, index, listener, entry, position, told);
        }
      });
    }
  }
}

function hasEndpoints({ spec: { resolution, endpoints } }: ServiceEntryObject): boolean {
  return endpoints.length > 0 && (resolution === 'STATIC' || resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN');
}

interface Led {
  readonly service: Service;
  /** The service's port. */
  readonly number: number;
}

/** Whom a call through the listener may name. */
function ledTo(
  scope: ReferenceScope,
  { hosts }: SidecarEgress,
  listener: PortListener,
  seen: readonly Service[],
  client: string,
): readonly Led[] {
  const imports = importsOf(hosts, seen, client, scope.settings.dnsSuffix);
  // Bytes say no name: which of several they go to is not told here.
  if (!isHttp(listener.protocol) && imports.length > 1) return [];
  return imports.flatMap((each): Led[] => {
    const chosen = listenerPort(listener, each);
    if (chosen === undefined || chosen === 'unclear' || isHttp(listener.protocol) !== isHttp(chosen.protocol))
      return [];
    return [{ service: each.service, number: chosen.number }];
  });
}

/** The positions of endpoints that are the listener. */
function ownEndpoints(
  { spec }: ServiceEntryObject,
  number: number,
  { bind = '', port: own }: PortListener,
): readonly number[] {
  const port = spec.ports.find((other) => other.port === number);
  if (port === undefined) return [];
  return spec.endpoints.flatMap((endpoint, position) => {
    // A proxy of the mesh is called by its certificate, which the listener does not have.
    const isOwn =
      endpoint.serviceAccount === undefined && portOf(endpoint, port) === own && isThere(bind, endpoint.address);
    return isOwn ? [position] : [];
  });
}

/** Whether rules may lead the host elsewhere, or call it in another way. */
function isRuled(scope: ReferenceScope, service: Service, client: string): boolean {
  const { dnsSuffix } = scope.settings;
  if (ruleOf(indexRules(ofKind(scope, 'VirtualService'), dnsSuffix), service, client) !== undefined) return true;
  return ofKind(scope, 'DestinationRule').some(({ namespace, spec }) =>
    hostCovers(resolveHost(spec.host, namespace, dnsSuffix), plainHost(service.host)),
  );
}

function report(
  scope: ReferenceScope,
  sidecar: SidecarObject,
  index: number,
  { port }: PortListener,
  entry: ServiceEntryObject,
  position: number,
  told: Set<string>,
): void {
  const field = `spec.endpoints[${position}].address`;
  const key = `${refText(entry)} ${field} ${refText(sidecar)}`;
  if (told.has(key)) return;
  told.add(key);
  const listener = `spec.egress[${index}].port`;
  const message = `${entry.spec.endpoints[position]?.address}:${port} is a listener of Sidecar ${sidecar.name}, which leads there again: a call goes round until its proxy has no file descriptor left`;
  const hint = `write where the program is, or leave the host out of the listener at ${placeOf(sidecar, listener)}`;
  reportAt(scope, 'WEFT0172', entry, field, message, hint, { related: relatedTo(sidecar, listener, 'the listener') });
}

/** The port by its name, else `targetPort`, else that of the service (section 2). */
function portOf({ ports }: WorkloadEntrySpec, { name, port, targetPort }: ServicePortSpec): number | undefined {
  const named = name === undefined ? undefined : ports[name];
  if (named !== undefined) return named;
  return typeof targetPort === 'string' ? ports[targetPort] : (targetPort ?? port);
}

/** Whether a call of the proxy itself to this address comes to what listens at `bind`. */
function isThere(bind: string, address: string): boolean {
  const [here, there] = [bind, plainHost(address)];
  if (here === there) return true;
  if (here === '0.0.0.0') return /^127\.\d+\.\d+\.\d+$/.test(there);
  return here === '::' && there === '::1';
}
