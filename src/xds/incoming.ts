import { status } from '@grpc/grpc-js';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '../proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { subscribedNames } from './status.ts';
import { type StreamState, stepDelta, stepSotw } from './stream-state.ts';

/** A request of either variant, with what the stream must know before it is applied. */
export interface Incoming {
  readonly typeUrl: string;
  readonly node: Node | undefined;
  readonly nonce: string;
  /** Every name in it, for the limits. */
  readonly names: readonly string[];
  /** The state after it; `stale` requests get no response of their own (X27). */
  apply(state: StreamState, now: number): { readonly state: StreamState; readonly stale: boolean };
}

/** Why a stream has to end. */
export interface Violation {
  readonly code: status;
  readonly message: string;
}

/** Limits against giant nodes and subscription bombs (T8). */
const limits = {
  nodeId: 1024,
  metadataBytes: 64 * 1024,
  metadataKeys: 256,
  nameBytes: 1024,
  names: 100_000,
  types: 64,
};

/** Reads a delta request; fields that Weft does not know are left alone (X85). */
export function fromDelta(request: DeltaDiscoveryRequest): Incoming {
  const { typeUrl, node, responseNonce: nonce } = request;
  const error = request.errorDetail?.message;
  const subscribe = request.resourceNamesSubscribe;
  const unsubscribe = request.resourceNamesUnsubscribe;
  const initialVersions = new Map(Object.entries(request.initialResourceVersions));
  return {
    typeUrl,
    node,
    nonce,
    names: [...subscribe, ...initialVersions.keys()],
    apply: (state, now) => ({
      state: stepDelta(state, typeUrl, { nonce, error, subscribe, unsubscribe, initialVersions }, now),
      stale: false,
    }),
  };
}

/** Reads a SotW request. */
export function fromSotw(request: DiscoveryRequest): Incoming {
  const { typeUrl, node, responseNonce: nonce, versionInfo: version, resourceNames: names } = request;
  const error = request.errorDetail?.message;
  return {
    typeUrl,
    node,
    nonce,
    names,
    apply: (state, now) => stepSotw(state, typeUrl, { nonce, version, error, names }, now),
  };
}

/** X5, X6 and T8: what the first request of a stream must bring. Extensions are not counted: Envoy alone has 60 KB of them. */
export function nodeViolation(node: Node | undefined): Violation | undefined {
  if (node === undefined || node.id === '')
    return violation(status.INVALID_ARGUMENT, 'the first request of a stream must carry node.id');
  if (Buffer.byteLength(node.id) > limits.nodeId)
    return violation(status.RESOURCE_EXHAUSTED, `node.id is longer than ${limits.nodeId} bytes`);
  const metadata = node.metadata ?? {};
  if (Object.keys(metadata).length > limits.metadataKeys)
    return violation(status.RESOURCE_EXHAUSTED, `node.metadata has more than ${limits.metadataKeys} keys`);
  if (Buffer.byteLength(JSON.stringify(metadata)) > limits.metadataBytes)
    return violation(status.RESOURCE_EXHAUSTED, `node.metadata is larger than ${limits.metadataBytes} bytes`);
  return undefined;
}

/** X2 and T8: what any request must keep to. */
export function requestViolation(incoming: Incoming, state: StreamState): Violation | undefined {
  const { typeUrl, names } = incoming;
  if (typeUrl === '')
    return violation(status.INVALID_ARGUMENT, 'a request on an aggregated stream must carry type_url');
  if (!state.subscriptions.has(typeUrl) && state.subscriptions.size >= limits.types)
    return violation(status.RESOURCE_EXHAUSTED, `more than ${limits.types} resource types on one stream`);
  if (names.some((name) => name.length > limits.nameBytes || Buffer.byteLength(name) > limits.nameBytes))
    return violation(status.RESOURCE_EXHAUSTED, `a resource name is longer than ${limits.nameBytes} bytes`);
  const present = state.variant === 'delta' ? subscribedNames(state.subscriptions.get(typeUrl)) : 0;
  if (names.length + present > limits.names && names.length > 0)
    return violation(status.RESOURCE_EXHAUSTED, `more than ${limits.names} names of one type on one stream`);
  return undefined;
}

function violation(code: status, message: string): Violation {
  return { code, message };
}
