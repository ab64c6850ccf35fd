import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { dataFrames, grpcPrefixed } from './http2-frames.ts';

export const deltaPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

const prefix = 'type.googleapis.com/envoy.config.';
export const clusterType = `${prefix}cluster.v3.Cluster`;
export const endpointType = `${prefix}endpoint.v3.ClusterLoadAssignment`;
export const listenerType = `${prefix}listener.v3.Listener`;
export const routeType = `${prefix}route.v3.RouteConfiguration`;
export const virtualHostType = `${prefix}route.v3.VirtualHost`;
export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** A DeltaDiscoveryRequest that subscribes, with its gRPC prefix. */
export function subscribeRequest(
  typeUrl: string,
  names: readonly string[],
  held: ReadonlyMap<string, string> = new Map(),
): Buffer {
  const request = new BinaryWriter().tag(2, WireType.LengthDelimited).string(typeUrl);
  for (const name of names) request.tag(3, WireType.LengthDelimited).string(name);
  for (const [name, version] of held) {
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
    entry.tag(2, WireType.LengthDelimited).string(version);
    request.tag(5, WireType.LengthDelimited).bytes(entry.finish());
  }
  return grpcPrefixed(request.finish());
}

/** The same request as the first of a stream: with a node. Fields of a message may simply be joined. */
export function withNode(request: Buffer, id: string): Buffer {
  const node = new BinaryWriter().tag(1, WireType.LengthDelimited).string(id);
  node.tag(2, WireType.LengthDelimited).string('bench');
  const field = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(node.finish()).finish();
  return grpcPrefixed(Buffer.concat([field, request.subarray(5)]));
}

/** DATA with the acknowledgement of a type, whole up to a nonce of a given length: the nonce is written at its end. */
export function acknowledgementTemplate(typeUrl: string, nonceLength: number): Buffer {
  const request = new BinaryWriter().tag(2, WireType.LengthDelimited).string(typeUrl);
  return dataFrames(request.tag(6, WireType.LengthDelimited).bytes(new Uint8Array(nonceLength)).finish());
}

/** The value of a resource as it is sent. */
export interface SentResource {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly value: Uint8Array;
}

/** A DeltaDiscoveryResponse, as long as a server would send it. */
export function deltaResponse(typeUrl: string, nonce: string, resources: readonly SentResource[]): Uint8Array {
  const response = new BinaryWriter().tag(1, WireType.LengthDelimited).string('1');
  for (const { name, version, value } of resources) {
    const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string(typeUrl);
    any.tag(2, WireType.LengthDelimited).bytes(value);
    const resource = new BinaryWriter().tag(3, WireType.LengthDelimited).string(name);
    resource.tag(1, WireType.LengthDelimited).string(version);
    resource.tag(2, WireType.LengthDelimited).bytes(any.finish());
    response.tag(2, WireType.LengthDelimited).bytes(resource.finish());
  }
  response.tag(4, WireType.LengthDelimited).string(typeUrl);
  response.tag(5, WireType.LengthDelimited).string(nonce);
  const identifier = new BinaryWriter().tag(1, WireType.LengthDelimited).string('bench').finish();
  return response.tag(7, WireType.LengthDelimited).bytes(identifier).finish();
}
