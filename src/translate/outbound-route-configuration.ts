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
import { rememberWith } from './remember.ts';
import { longestBody } from './respond-action.ts';

/**
 * Behind HTTP_PROXY: every port of every service by its names, then the hosts that nobody knows (E22, E23, R11, D18). As bytes, which are
 * joined: a virtual host is encoded once for all the configurations that it stands in.
 */
export function proxyRouteConfiguration(view: View): Uint8Array<ArrayBuffer> {
  const taken = new Set<string>();
  const hosts: Uint8Array[] = [];
  for (const service of view.services) {
    for (const port of service.ports) {
      // Resolve gives each name to one service; should two claim one all the same, the first by service key keeps it, because a
      // repeated domain would make Envoy refuse the whole configuration.
      const domains = proxyDomains(service, port).filter((domain) => !taken.has(domain));
      for (const domain of domains) taken.add(domain);
      if (domains.length > 0) hosts.push(hostBytes(port, domains.join('\n')));
    }
  }
  hosts.push(field2(encode(VirtualHostSchema, unknownVirtualHost(view.unknownHosts))));
  const metadata = provenanceMetadata({ imports: view.imports });
  const last = encode(RouteConfigurationSchema, {
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
    ...(metadata === undefined ? {} : { metadata }),
  });
  // Fields stand in the order of their numbers: the name is 1, the virtual hosts are 2, the others come after.
  return joined([encode(RouteConfigurationSchema, { name: proxyName }), ...hosts, last]);
}

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

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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
