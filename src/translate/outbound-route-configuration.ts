import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OutboundPort, View } from '../model/ir.ts';
import { encode } from '../proto/codec.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../proto/message.ts';
import { adsSource } from './config-source.ts';
import { proxyName, servicePortName } from './names.ts';
import { namedVirtualHost, portVirtualHost } from './outbound-virtual-host.ts';
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

/**
 * Behind a service port's own local port: whatever host the request names (section 7 of experience.md), but where the destination is whom
 * it names and `named` says that unknown hosts are refused, these names of the service alone.
 */
export function portRouteConfiguration(port: OutboundPort, named?: readonly string[]): RouteConfiguration {
  return message(RouteConfigurationSchema, {
    name: servicePortName(port.destination.ref),
    virtualHosts: [named === undefined ? portVirtualHost(port, ['*']) : namedVirtualHost(port, named)],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: longestBody,
  });
}
