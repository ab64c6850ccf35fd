import { BinaryReader } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { decode } from '../proto/codec.ts';
import { type Node, NodeSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { keptErrorBytes } from './nack.ts';
import { type StreamState, stepDelta, stepSotw, subscriptionOf } from './stream-state.ts';
import type { Variant } from './subscription.ts';

/** A request of either variant: what it says of one type, and the node of a first request, still encoded. */
export interface Incoming {
  readonly variant: Variant;
  readonly typeUrl: string;
  readonly node: Uint8Array | undefined;
  readonly nonce: string;
  /** SotW: the version that the client holds. */
  readonly version: string;
  /** The text of `error_detail`, as much of it as is kept, where that is present. */
  readonly error: string | undefined;
  /** SotW: the complete list. Delta: names that are newly asked for. */
  readonly names: readonly string[];
  readonly unsubscribe: readonly string[];
  readonly initialVersions: ReadonlyMap<string, string>;
}

/** Why a stream has to end. Thrown while a request is read, so that no more of it is read. */
export class Violation extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** Limits against giant nodes and subscription bombs (T8). */
export interface RequestLimits {
  readonly nodeId: number;
  /** Bytes of the encoded node. Extensions are much of it: Envoy alone has 60 KB of them. */
  readonly nodeBytes: number;
  readonly metadataBytes: number;
  readonly metadataKeys: number;
  readonly nameBytes: number;
  readonly names: number;
  readonly types: number;
}

/** Well above what an Envoy with 10,000 services asks for. */
export const defaultLimits: RequestLimits = {
  nodeId: 1024,
  nodeBytes: 1024 * 1024,
  metadataBytes: 64 * 1024,
  metadataKeys: 256,
  nameBytes: 1024,
  names: 100_000,
  types: 64,
};

const noNames: readonly string[] = [];
const noVersions: ReadonlyMap<string, string> = new Map();

/**
 * Reads a DeltaDiscoveryRequest. Every ACK comes through here, so fields are read by hand; those that nobody needs are
 * skipped (X85). Throws a Violation where a limit is passed, and INVALID_ARGUMENT for bytes that are no message.
 */
export function readDelta(bytes: Uint8Array, limits: RequestLimits): Incoming {
  const request = open('delta');
  let versions: Map<string, string> | undefined;
  readFields(bytes, (reader, field) => {
    if (field === 1) request.node = reader.bytes();
    else if (field === 2) request.typeUrl = reader.string();
    else if (field === 3) addName(request, 'names', reader, limits);
    else if (field === 4) addName(request, 'unsubscribe', reader, limits);
    else if (field === 5) {
      versions ??= new Map();
      const [name, version] = mapEntry(reader.bytes(), limits);
      versions.set(name, version);
      if (versions.size > limits.names) throw tooMany(limits);
    } else if (field === 6) request.nonce = reader.string();
    else if (field === 7) request.error = errorText(reader.bytes());
    else return false;
    return true;
  });
  return { ...request, initialVersions: versions ?? noVersions };
}

/** Reads a DiscoveryRequest; see readDelta. */
export function readSotw(bytes: Uint8Array, limits: RequestLimits): Incoming {
  const request = open('sotw');
  readFields(bytes, (reader, field) => {
    if (field === 1) request.version = reader.string();
    else if (field === 2) request.node = reader.bytes();
    else if (field === 3) addName(request, 'names', reader, limits);
    else if (field === 4) request.typeUrl = reader.string();
    else if (field === 5) request.nonce = reader.string();
    else if (field === 6) request.error = errorText(reader.bytes());
    else return false;
    return true;
  });
  return request;
}

interface Draft {
  readonly variant: Variant;
  typeUrl: string;
  node: Uint8Array | undefined;
  nonce: string;
  version: string;
  error: string | undefined;
  names: readonly string[];
  unsubscribe: readonly string[];
  initialVersions: ReadonlyMap<string, string>;
}

function open(variant: Variant): Draft {
  return {
    variant,
    typeUrl: '',
    node: undefined,
    nonce: '',
    version: '',
    error: undefined,
    names: noNames,
    unsubscribe: noNames,
    initialVersions: noVersions,
  };
}

/** Length-delimited fields are given to `take`, which says whether it read the field. */
function readFields(bytes: Uint8Array, take: (reader: BinaryReader, field: number) => boolean): void {
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (wireType !== 2 || !take(reader, field)) reader.skip(wireType, field);
    }
  } catch (error) {
    if (error instanceof Violation) throw error;
    throw new Violation(status.INVALID_ARGUMENT, 'the request is no message of this method');
  }
}

function addName(request: Draft, list: 'names' | 'unsubscribe', reader: BinaryReader, limits: RequestLimits): void {
  const name = nameOf(reader.bytes(), limits);
  if (request[list] === noNames) request[list] = [name];
  else (request[list] as string[]).push(name);
  if (request[list].length > limits.names) throw tooMany(limits);
}

function nameOf(bytes: Uint8Array, limits: RequestLimits): string {
  if (bytes.length > limits.nameBytes)
    throw new Violation(status.RESOURCE_EXHAUSTED, `a resource name is longer than ${limits.nameBytes} bytes`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

function tooMany(limits: RequestLimits): Violation {
  return new Violation(status.RESOURCE_EXHAUSTED, `more than ${limits.names} names of one type on one stream`);
}

function mapEntry(bytes: Uint8Array, limits: RequestLimits): readonly [string, string] {
  let name = '';
  let version = '';
  readFields(bytes, (reader, field) => {
    if (field === 1) name = nameOf(reader.bytes(), limits);
    else if (field === 2) version = reader.string();
    else return false;
    return true;
  });
  return [name, version];
}

/** X43: of a giant text only what is kept is read. */
function errorText(bytes: Uint8Array): string {
  let text = '';
  readFields(bytes, (reader, field) => {
    if (field !== 2) return false;
    text = Buffer.from(reader.bytes().subarray(0, keptErrorBytes + 4)).toString();
    return true;
  });
  return text;
}

/** The state after a request; `stale` ones get no response of their own (X27). */
export function applied(
  state: StreamState,
  incoming: Incoming,
  now: number,
): { readonly state: StreamState; readonly stale: boolean } {
  const { typeUrl, nonce, error, names, unsubscribe, initialVersions, version } = incoming;
  if (incoming.variant === 'sotw') return stepSotw(state, typeUrl, { nonce, version, error, names }, now);
  return {
    state: stepDelta(state, typeUrl, { nonce, error, subscribe: names, unsubscribe, initialVersions }, now),
    stale: false,
  };
}

/** X5, X6 and T8: what the first request of a stream must bring. Throws a Violation. */
export function readNode(bytes: Uint8Array | undefined, limits: RequestLimits): Node {
  if (bytes === undefined) throw noNode();
  if (bytes.length > limits.nodeBytes)
    throw new Violation(status.RESOURCE_EXHAUSTED, `the node is larger than ${limits.nodeBytes} bytes`);
  const node = decoded(bytes);
  if (node.id === '') throw noNode();
  if (Buffer.byteLength(node.id) > limits.nodeId)
    throw new Violation(status.RESOURCE_EXHAUSTED, `node.id is longer than ${limits.nodeId} bytes`);
  const metadata = node.metadata ?? {};
  if (Object.keys(metadata).length > limits.metadataKeys)
    throw new Violation(status.RESOURCE_EXHAUSTED, `node.metadata has more than ${limits.metadataKeys} keys`);
  if (Buffer.byteLength(JSON.stringify(metadata)) > limits.metadataBytes)
    throw new Violation(status.RESOURCE_EXHAUSTED, `node.metadata is larger than ${limits.metadataBytes} bytes`);
  return node;
}

/** Bytes that are no node, or nested so deep that reading them exhausts the stack, are the client's mistake. */
function decoded(bytes: Uint8Array): Node {
  try {
    return decode(NodeSchema, bytes);
  } catch {
    throw new Violation(status.INVALID_ARGUMENT, 'the node of the request cannot be read');
  }
}

function noNode(): Violation {
  return new Violation(status.INVALID_ARGUMENT, 'the first request of a stream must carry node.id');
}

/** X2 and T8: what any request must keep to. Throws a Violation. */
export function checkRequest(incoming: Incoming, state: StreamState, limits: RequestLimits): void {
  const { typeUrl, names, initialVersions } = incoming;
  if (typeUrl === '')
    throw new Violation(status.INVALID_ARGUMENT, 'a request on an aggregated stream must carry type_url');
  const present = subscriptionOf(state, typeUrl);
  if (present === undefined && state.subscriptions.length >= limits.types)
    throw new Violation(status.RESOURCE_EXHAUSTED, `more than ${limits.types} resource types on one stream`);
  const already = state.variant === 'delta' ? (present?.names.size ?? 0) : 0;
  if (names.length > 0 && names.length + already + initialVersions.size > limits.names) throw tooMany(limits);
}
