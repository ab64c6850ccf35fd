import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { proxyDomains } from '../model/proxy-domains.ts';
import { encode } from '../proto/codec.ts';
import { type VirtualHost, VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../proto/message.ts';
import { proxyName, servicePortName } from './names.ts';
import { portVirtualHost, unknownVirtualHost } from './outbound-virtual-host.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { remember, rememberWith } from './remember.ts';
import { longestBody } from './respond-action.ts';

/** The virtual hosts of one service, as entries of the list of them, and the domains that each of its ports got. */
interface ServiceHosts {
  readonly wanted: string;
  readonly domains: readonly (readonly string[])[];
  readonly bytes: readonly Uint8Array[];
}

const hostsBefore = new WeakMap<View, readonly ServiceHosts[]>();

/**
 * Behind HTTP_PROXY: every port of every service by its names, then the hosts that nobody knows (E22, E23, R11, D18). As bytes, which are
 * joined: a virtual host is encoded once for all the configurations that it stands in. With `before`, an earlier view, only services that
 * differ are looked at.
 */
export function proxyRouteConfiguration(view: View, before?: View): Uint8Array<ArrayBuffer> {
  const hosts = (before && changedHosts(view, before)) ?? allHosts(view);
  hostsBefore.set(view, hosts);
  const metadata = provenanceMetadata({ imports: view.imports });
  const last = encode(RouteConfigurationSchema, {
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
    ...(metadata === undefined ? {} : { metadata }),
  });
  const unknown = field2(encode(VirtualHostSchema, unknownVirtualHost(view.unknownHosts)));
  // Fields stand in the order of their numbers: the name is 1, the virtual hosts are 2, the others come after.
  const name = encode(RouteConfigurationSchema, { name: proxyName });
  const whole = Buffer.concat([name, ...hosts.flatMap(({ bytes }) => bytes), unknown, last]);
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
}

/**
 * Resolve gives each name to one service; should two claim one all the same, the first by service key keeps it, because a repeated domain
 * would make Envoy refuse the whole configuration.
 */
function allHosts(view: View): readonly ServiceHosts[] {
  const taken = new Set<string>();
  return view.services.map((service) => {
    const domains = service.ports.map((port) => {
      const own = proxyDomains(service, port).filter((domain) => !taken.has(domain));
      for (const domain of own) taken.add(domain);
      return own;
    });
    return serviceHosts(service, domains);
  });
}

/** The same, where every service wants the names that it wanted before: then each has what it had. */
function changedHosts(view: View, before: View): readonly ServiceHosts[] | undefined {
  const known = hostsBefore.get(before);
  if (known === undefined || known.length !== view.services.length) return undefined;
  const hosts = [...known];
  for (const [index, service] of view.services.entries()) {
    const had = known[index];
    if (service === before.services[index]) continue;
    if (had === undefined || had.wanted !== wantedBy(service)) return undefined;
    hosts[index] = serviceHosts(service, had.domains);
  }
  return hosts;
}

function serviceHosts(service: OutboundService, domains: readonly (readonly string[])[]): ServiceHosts {
  const bytes = service.ports.flatMap((port, index) => {
    const own = domains[index] ?? [];
    return own.length === 0 ? [] : [hostBytes(port, own.join('\n'))];
  });
  return { wanted: wantedBy(service), domains, bytes };
}

const wantedBy = remember((service: OutboundService) =>
  service.ports.map((port) => proxyDomains(service, port).join('\n')).join('\n\n'),
);

/** Makes the bytes of a port's virtual host, ahead of the configurations that it stands in. */
export function translateHost(service: OutboundService, port: OutboundPort): void {
  const domains = proxyDomains(service, port);
  if (domains.length > 0) hostBytes(port, domains.join('\n'));
}

/** The virtual host of a port for these domains, as an entry of the list of them. */
const hostBytes = rememberWith((port: OutboundPort, domains: string) =>
  field2(encode(VirtualHostSchema, portVirtualHost(port, domains.split('\n')))),
);

function field2(bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(bytes).finish();
}

/** Behind a service port's own local port: whatever host the request names (section 7 of experience.md). */
export function portRouteConfiguration(port: OutboundPort): RouteConfiguration {
  return message(RouteConfigurationSchema, {
    name: servicePortName(port.destination.ref),
    virtualHosts: [...ownAddress(port), portVirtualHost(port, ['*'])],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
  });
}

/**
 * Where the request's host is called, one that names this local port itself would come back here, again and again: it is told so (421).
 */
function ownAddress({ destination, localPort }: OutboundPort): VirtualHost[] {
  if (destination.discovery !== 'request' || localPort === undefined) return [];
  const text = `this port leads to whom requests name: the header host says ${destination.ref.host}, not the port itself\n`;
  const route = {
    name: 'default/own-address',
    match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
    action: { case: 'directResponse' as const, value: { status: 421, body: inline(text) } },
  };
  return [message(VirtualHostSchema, { name: 'own-address', domains: [`*:${localPort}`], routes: [route] })];
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}
