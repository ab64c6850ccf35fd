import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OutboundPort, View } from '../model/ir.ts';
import { encode } from '../proto/codec.ts';
import { type VirtualHost, VirtualHostSchema } from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../proto/message.ts';
import { adsSource } from './config-source.ts';
import { proxyName, servicePortName } from './names.ts';
import { portVirtualHost } from './outbound-virtual-host.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { longestBody } from './respond-action.ts';

/** What the configuration behind HTTP_PROXY says besides its virtual hosts. */
function proxyRoutes({ imports }: Pick<View, 'imports'>) {
  const metadata = provenanceMetadata({ imports });
  return {
    name: proxyName,
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** Behind HTTP_PROXY: its virtual hosts come by themselves, and change one by one (decision 42). */
export function proxyRouteConfiguration(view: Pick<View, 'imports'>): RouteConfiguration {
  return message(RouteConfigurationSchema, { ...proxyRoutes(view), vhds: { configSource: adsSource } });
}

/** The same for those who cannot have them one by one: encoded, with these virtual hosts, which are encoded already. */
export function wholeProxyRouteConfiguration(
  view: Pick<View, 'imports'>,
  hosts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const { name, ...others } = proxyRoutes(view);
  // Fields stand in the order of their numbers: the name is 1, the virtual hosts are 2, the others come after.
  const last = encode(RouteConfigurationSchema, others);
  const whole = Buffer.concat([encode(RouteConfigurationSchema, { name }), ...hosts.map(field2), last]);
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
}

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
