/**
 * The package's face, `import { createXdsServer } from 'weft/xds'`: an xDS server that knows nodes, names, versions and bytes, and nothing
 * of meshes. docs/xds-library.md explains it. This module is for users of the package alone: no file of ours imports it, since ours import
 * what they need from where it is written. Nothing below it imports anything of ours but src/proto.
 */

/** The codes of gRPC, for refusals and for `closeStreams`. */
export { status } from '@grpc/grpc-js';
/** What `resourceOf` throws: the type, the path of the field, and what is wrong there. */
export { CodecError } from '../proto/codec-error.ts';
/** The node as the client describes itself: id, metadata, locality, version. */
export type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
export type { AdmissionSettings } from './admission.ts';
export type { Call, CallCredentials, CallHandler, CallListener } from './call.ts';
export { splitBytes } from './choose.ts';
export type { StreamNode } from './client-node.ts';
export { type Clock, systemClock } from './clock.ts';
export { createXdsServer, type XdsServer } from './create-xds-server.ts';
export type { Digest } from './digest.ts';
export { type Authenticate, type ClientStream, clientStreamHandler, unaryHandler } from './handlers.ts';
export { type JsonResourceOptions, resourceOf } from './json-resource.ts';
export { createLayer, type Layer, type LayerChange, type LayerId, updateLayer } from './layer.ts';
export type { LiveStream } from './live-streams.ts';
export type { Timing } from './make-before-break.ts';
export { keptErrorBytes } from './nack.ts';
export type { PersistentMap } from './persistent-map.ts';
export type { QuarantineEntry } from './quarantine.ts';
export { defaultLimits, type RequestLimits } from './request-limits.ts';
export {
  createResource,
  type EncodeCounter,
  encodeCounter,
  type Resource,
  type ResourceFields,
  type ResourceReference,
} from './resource.ts';
export {
  clusterType,
  endpointType,
  extensionType,
  listenerType,
  routeType,
  runtimeType,
  scopedRouteType,
  secretType,
  virtualHostType,
} from './resource-types.ts';
export {
  type ConnectionSettings,
  defaultAdmission,
  defaultConnection,
  defaultQuiet,
  defaultTiming,
  type Newcomer,
  type OpenAnswer,
  type Refused,
  type ServerTiming,
  type Session,
  type StreamEvent,
  type XdsServerOptions,
} from './server-options.ts';
export type { Snapshot } from './snapshot.ts';
export type { QuietTimes, SnapshotChange } from './snapshot-store.ts';
export type { Differing, StreamStatus, TypeStatus } from './status.ts';
export type { Rejection, Variant } from './subscription.ts';
export type { ServerCertificate, TlsSource } from './tls-source.ts';
